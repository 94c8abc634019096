using System.Runtime.InteropServices;
using System.Text.Json;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Core.Policies;
using Granary.Gateway.Amqp;
using Granary.Gateway.Management.Exchanges;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;
using Granary.Gateway.Management.Queues;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Management.Nodes;

/// <summary><c>/api/overview</c>.</summary>
internal sealed record OverviewJson
{
    public required string ManagementVersion { get; init; }

    public string RatesMode { get; init; } = "basic";

    public RetentionPolicies SampleRetentionPolicies { get; init; } = new();

    public required ExchangeTypeJson[] ExchangeTypes { get; init; }

    public required string ProductName { get; init; }

    public required string ProductVersion { get; init; }

    public required string RabbitmqVersion { get; init; }

    public required string ClusterName { get; init; }

    public Dictionary<string, string> ClusterTags { get; init; } = [];

    public Dictionary<string, string> NodeTags { get; init; } = [];

    public required string ErlangVersion { get; init; }

    public required string ErlangFullVersion { get; init; }

    public string CryptoLibVersion { get; init; } = "";

    public string ReleaseSeriesSupportStatus { get; init; } = "supported";

    public bool DisableStats { get; init; }

    public bool EnableQueueTotals { get; init; }

    public string DefaultQueueType { get; init; } = "classic";

    public bool IsOpPolicyUpdatingEnabled { get; init; } = true;

    public MessageStats? MessageStats { get; init; }

    public required ChurnRates ChurnRates { get; init; }

    public required QueueTotals QueueTotals { get; init; }

    public required ObjectTotals ObjectTotals { get; init; }

    public int StatisticsDbEventQueue { get; init; }

    public required string Node { get; init; }

    public IReadOnlyList<ListenerJson>? Listeners { get; init; }

    public IReadOnlyList<ContextJson>? Contexts { get; init; }
}

/// <summary>For how many seconds figures are kept, by what they are of.</summary>
internal sealed record RetentionPolicies
{
    public int[] Global { get; init; } = [600, 86_400];

    public int[] Basic { get; init; } = [600];

    public int[] Detailed { get; init; } = [600];
}

internal sealed record QueueTotals(long Messages, Rate MessagesDetails, long MessagesReady, Rate MessagesReadyDetails, long MessagesUnacknowledged, Rate MessagesUnacknowledgedDetails)
{
    /// <param name="more">Messages that the history has not.</param>
    public QueueTotals With(History history, long more) => this with
    {
        MessagesDetails = history.Of(MessagesDetails, [(int)NodeNumber.Ready, (int)NodeNumber.Unacked], more),
        MessagesReadyDetails = history.Of(MessagesReadyDetails, [(int)NodeNumber.Ready], more),
        MessagesUnacknowledgedDetails = history.Of(MessagesUnacknowledgedDetails, NodeNumber.Unacked),
    };
}

internal sealed record ObjectTotals(int Channels, int Connections, int Consumers, int Exchanges, int Queues);

internal sealed record ContextJson(string Node, string Description, string Path, string Port, string Ip, string[] SslOpts, string Protocol)
{
    public static IEnumerable<ContextJson> Of(IEnumerable<ListenerJson> listeners) =>
        listeners.Where(static listener => listener.Protocol.StartsWith("http", StringComparison.Ordinal)).Select(static listener => new ContextJson(
            listener.Node, listener.Protocol.EndsWith("/prometheus", StringComparison.Ordinal) ? "RabbitMQ Prometheus" : "RabbitMQ Management", "/",
            listener.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), listener.IpAddress, [], listener.Protocol.Split('/')[0]));
}

/// <summary>What came and went, since the nodes started.</summary>
internal sealed record ChurnRates(
    long ChannelClosed, Rate ChannelClosedDetails, long ChannelCreated, Rate ChannelCreatedDetails, long ConnectionClosed, Rate ConnectionClosedDetails,
    long ConnectionCreated, Rate ConnectionCreatedDetails, long QueueCreated, Rate QueueCreatedDetails, long QueueDeclared, Rate QueueDeclaredDetails,
    long QueueDeleted, Rate QueueDeletedDetails)
{
    public ChurnRates With(History history) => this with
    {
        ChannelClosedDetails = history.Of(ChannelClosedDetails, NodeNumber.ChannelsEnded),
        ChannelCreatedDetails = history.Of(ChannelCreatedDetails, NodeNumber.ChannelsOpened),
        ConnectionClosedDetails = history.Of(ConnectionClosedDetails, NodeNumber.ConnectionsEnded),
        ConnectionCreatedDetails = history.Of(ConnectionCreatedDetails, NodeNumber.ConnectionsOpened),
        QueueCreatedDetails = history.Of(QueueCreatedDetails, NodeNumber.QueuesDeclared),
        QueueDeclaredDetails = history.Of(QueueDeclaredDetails, NodeNumber.QueuesDeclared),
        QueueDeletedDetails = history.Of(QueueDeletedDetails, NodeNumber.QueuesEnded),
    };
}

/// <inheritdoc cref="OverviewJson"/>
internal sealed class OverviewResource(ClusterFigures figures, HistoryReader histories, AmqpOptions options, ClusterName clusterName, PolicyCalls policies) : IResource
{
    private const FigureKinds Needed =
        FigureKinds.Node | FigureKinds.Queues | FigureKinds.Stored | FigureKinds.Exchanges | FigureKinds.Connections | FigureKinds.Channels;

    public void Map(ApiRoutes routes)
    {
        routes.Get("/overview", Need.Management, AnswerAsync);
        routes.Get("/cluster-name", Need.Management, call => call.ReplyAsync(new ClusterNameJson { Name = clusterName.Current }, ApiJson.Default.ClusterNameJson));
        routes.Put("/cluster-name", Need.Administrator, SetClusterNameAsync);
        routes.Get("/whoami", Need.Management, call => call.ReplyAsync(new WhoAmI(call.User.Name, [.. call.User.Tags], IsInternalUser: call.User.Token is null), ApiJson.Default.WhoAmI));
        routes.Get("/version", Need.Management, call => call.ReplyAsync(options.Version, ApiJson.Default.String));
        routes.Get("/extensions", Need.Management, static call => call.ReplyAsync([new ExtensionJson("dispatcher.js")], ApiJson.Default.ExtensionJsonArray));
    }

    private async Task AnswerAsync(ApiCall call)
    {
        var picture = await figures.TakeAsync(Needed, call.Aborted).ConfigureAwait(false);
        await call.ReplyAsync(await AddHistoriesAsync(call, picture, Of(picture, call)).ConfigureAwait(false), ApiJson.Default.OverviewJson).ConfigureAwait(false);
    }

    private async Task<OverviewJson> AddHistoriesAsync(ApiCall call, Picture picture, OverviewJson overview)
    {
        var ranges = histories.RangesOf(call);
        if (await histories.ReadSumAsync(call, HistorySubject.Node, ranges.MessageRates).ConfigureAwait(false) is { } rates)
        {
            overview = overview with { MessageStats = overview.MessageStats?.WithEvents(rates) };
        }

        if (await histories.ReadSumAsync(call, HistorySubject.Node, ranges.NodeStats).ConfigureAwait(false) is { } stats)
        {
            overview = overview with { ChurnRates = overview.ChurnRates.With(stats) };
        }

        // Of all queues, and not of those alone that somebody may see.
        if (call.User.IsMonitor && await histories.ReadSumAsync(call, HistorySubject.Node, ranges.Lengths).ConfigureAwait(false) is { } lengths)
        {
            // What waits in queues that nobody uses is no process': there it stays what it is.
            overview = overview with { QueueTotals = overview.QueueTotals.With(lengths, picture.Queues.Where(static queue => !queue.Figure.IsActive).Sum(static queue => queue.Figure.Ready)) };
        }

        return overview;
    }

    private async Task SetClusterNameAsync(ApiCall call)
    {
        var asked = await call.ReadAsync(ApiJson.Default.ClusterNameJson).ConfigureAwait(false);
        MissingKeys.Check(("name", asked.Name));
        var value = JsonSerializer.SerializeToElement(asked.Name!, ApiJson.Default.String);
        await policies.PutAsync([], [Parameter.Global(Parameter.ClusterName, JsonTerm.Normal(value))]).ConfigureAwait(false);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private OverviewJson Of(Picture picture, ApiCall call)
    {
        picture = picture with
        {
            Queues = call.User.IsMonitor ? picture.Queues : QueueResources.Ordered(picture, null, call.Vhosts),
            Connections = [.. picture.Connections.Where(connection => call.User.IsMonitor || connection.Figure.User == call.User.Name)],
            Channels = [.. picture.Channels.Where(channel => call.User.IsMonitor || channel.Figure.User == call.User.Name)],
        };
        var nodes = picture.Nodes;
        var listeners = nodes.SelectMany(node => ListenerJson.Of(node)).ToArray();
        return new OverviewJson
        {
            ManagementVersion = options.Version,
            ExchangeTypes = Catalog.ExchangeTypes,
            ProductName = options.Product,
            ProductVersion = options.Version,
            RabbitmqVersion = options.Version,
            ClusterName = clusterName.Current,
            ErlangVersion = Environment.Version.ToString(),
            ErlangFullVersion = RuntimeInformation.FrameworkDescription,
            MessageStats = MessageStats.Of(Sum(nodes, static (node, what) => node.Counts[(int)what]), Sum(nodes, static (node, what) => node.RateOf((NodeNumber)what))),
            ChurnRates = ChurnOf(nodes),
            QueueTotals = new QueueTotals(
                picture.Queues.Sum(queue => queue.Figure.Messages), new Rate(picture.Queues.Sum(queue => queue.Figure.ReadyRate + queue.Figure.UnackedRate)),
                picture.Queues.Sum(queue => queue.Figure.Ready), new Rate(picture.Queues.Sum(queue => queue.Figure.ReadyRate)),
                picture.Queues.Sum(queue => queue.Figure.Unacked), new Rate(picture.Queues.Sum(queue => queue.Figure.UnackedRate))),
            ObjectTotals = new ObjectTotals(
                picture.Channels.Count, picture.Connections.Count, picture.Queues.Sum(queue => queue.Figure.Consumers),
                ExchangeList.Of(picture, call.Vhosts.Names, PolicyTable.Empty).Count(), picture.Queues.Count),
            Node = picture.Node,
            Listeners = call.User.IsMonitor ? listeners : null,
            Contexts = call.User.IsMonitor ? [.. ContextJson.Of(listeners)] : null,
        };
    }

    private static ChurnRates ChurnOf(IReadOnlyList<Placed<NodeFigure>> nodes)
    {
        return new ChurnRates(
            Count(node => node.ChannelsEnded), RateOf(NodeNumber.ChannelsEnded), Count(node => node.ChannelsOpened), RateOf(NodeNumber.ChannelsOpened),
            Count(node => node.ConnectionsEnded), RateOf(NodeNumber.ConnectionsEnded), Count(node => node.ConnectionsOpened), RateOf(NodeNumber.ConnectionsOpened),
            Count(node => node.QueuesDeclared), RateOf(NodeNumber.QueuesDeclared), Count(node => node.QueuesDeclared), RateOf(NodeNumber.QueuesDeclared),
            Count(node => node.QueuesEnded), RateOf(NodeNumber.QueuesEnded));

        long Count(Func<NodeFigure, long> which) => nodes.Sum(node => which(node.Figure));

        Rate RateOf(NodeNumber number) => new(nodes.Sum(node => node.Figure.RateOf(number)));
    }

    private static T[] Sum<T>(IReadOnlyList<Placed<NodeFigure>> nodes, Func<NodeFigure, MessageEvent, T> which)
        where T : struct, System.Numerics.INumber<T> => Array.ConvertAll(MessageCounts.Events, what =>
        nodes.Where(static node => node.Figure.Counts.Length > 0).Aggregate(T.Zero, (sum, node) => sum + which(node.Figure, what)));
}

internal sealed record ClusterNameJson
{
    public string? Name { get; set; }
}

internal sealed record ExtensionJson(string Javascript);

/// <summary>Who asks.</summary>
internal sealed record WhoAmI(string Name, string[] Tags, bool IsInternalUser = true);
