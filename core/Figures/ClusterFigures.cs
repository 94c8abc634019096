using Granary.Core.Members;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Figures;

/// <summary>
/// Asks all members what they hold, and puts the answers together. Members are asked, never grains: no list activates anything, and one costs a call for each
/// member however many queues there are. Who does not answer in time is left out.
/// </summary>
/// <param name="members">Null in a process that is no member of a cluster.</param>
public sealed partial class ClusterFigures(
    OwnFigures own, IEnumerable<IConnectionCloser> closers, TimeProvider clock, ILogger<ClusterFigures> log, IMembers? members = null)
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    public async Task<Picture> TakeAsync(FigureKinds kinds, CancellationToken cancellation)
    {
        // The store is read before it is asked what is active: what began or ended meanwhile is told by those who know better.
        var stored = (kinds & FigureKinds.Stored) == 0 ? null : await ReadStoreAsync(kinds, null, cancellation).ConfigureAwait(false);
        var picture = Merge(await AskAllAsync(kinds & ~FigureKinds.Stored, null, cancellation).ConfigureAwait(false), stored);
        return (kinds & FigureKinds.Queues) != 0 ? await CountUnusedAsync(picture, cancellation).ConfigureAwait(false) : picture;
    }

    /// <summary>As <see cref="TakeAsync"/>, of one queue alone; without any if there is none of that key.</summary>
    public async Task<Picture> TakeOfQueueAsync(string key, FigureKinds more, CancellationToken cancellation)
    {
        var stored = await ReadStoreAsync(FigureKinds.Stored, key, cancellation).ConfigureAwait(false);
        return await CountUnusedAsync(
            Merge(await AskAllAsync(more | FigureKinds.Queues, key, cancellation).ConfigureAwait(false), stored), cancellation).ConfigureAwait(false);
    }

    /// <summary>Has whoever has a connection close it.</summary>
    /// <returns>False: nobody has it.</returns>
    public async Task<bool> CloseConnectionAsync(Guid connection, string reason, CancellationToken cancellation)
    {
        if (closers.Any(closer => closer.Close(connection, reason)))
        {
            return true;
        }

        var closed = members is null ? [] : await Task.WhenAll(members.Others.Select(member => CloseAsync(member, connection, reason, cancellation))).ConfigureAwait(false);
        return closed.Contains(true);
    }

    /// <summary>Names of nodes: as each was told, or of the machine that it is on, and where several are on one, of their ports as well.</summary>
    public static string[] NamesOf(IReadOnlyList<NodeFigure> nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        var shared = nodes.GroupBy(node => node.Host, StringComparer.Ordinal).Where(host => host.Count() > 1).Select(host => host.Key).ToHashSet(StringComparer.Ordinal);
        return [.. nodes.Select(node => shared.Contains(node.Host) ? $"{Full(node.Host)}-{node.Address[(node.Address.LastIndexOf(':') + 1)..]}" : Full(node.Host))];

        static string Full(string host) => host.Contains('@', StringComparison.Ordinal) ? host : $"rabbit@{host}";
    }

    private static Picture Merge(MemberFigures[] all, StoredFigures? stored)
    {
        var nodes = NamesOf([.. all.Select(member => member.Node!)]);
        var home = Array.FindIndex(all, member => member.Node!.HasQueues);
        var queues = new Dictionary<string, Placed<QueueFigure>>(StringComparer.Ordinal);
        var exchanges = new Dictionary<string, ExchangeFigure>(StringComparer.Ordinal);
        var endedQueues = new HashSet<string>(StringComparer.Ordinal);
        var endedExchanges = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (member, node) in all.Zip(nodes))
        {
            endedQueues.UnionWith(member.EndedQueues);
            endedExchanges.UnionWith(member.EndedExchanges);
            foreach (var queue in member.Queues)
            {
                queues.TryAdd(queue.Key, new Placed<QueueFigure>(queue, node));
            }

            foreach (var exchange in member.Exchanges)
            {
                exchanges.TryAdd(exchange.Key, exchange);
            }
        }

        foreach (var queue in (stored?.Queues ?? []).Where(queue => !endedQueues.Contains(queue.Key)))
        {
            queues.TryAdd(queue.Key, new Placed<QueueFigure>(queue, nodes[Math.Max(home, 0)]));
        }

        foreach (var exchange in (stored?.Exchanges ?? []).Where(exchange => !endedExchanges.Contains(exchange.Key)))
        {
            exchanges.TryAdd(exchange.Key, exchange);
        }

        return new Picture
        {
            Node = nodes[0],
            Nodes = [.. all.Zip(nodes, (member, node) => new Placed<NodeFigure>(member.Node!, node))],
            Queues = [.. queues.Values],
            Exchanges = [.. exchanges.Values],
            Publishes = all.SelectMany(member => member.Publishes).GroupBy(publish => (publish.Vhost, publish.Exchange)).ToDictionary(group => group.Key, group => Sum([.. group])),
            Connections = Place(all, nodes, static member => member.Connections),
            Channels = Place(all, nodes, static member => member.Channels),
            Consumers = Place(all, nodes, static member => member.Consumers),
        };
    }

    private static List<Placed<T>> Place<T>(MemberFigures[] all, string[] nodes, Func<MemberFigures, T[]> which) =>
        [.. all.Zip(nodes).SelectMany(member => which(member.First).Select(figure => new Placed<T>(figure, member.Second)))];

    private static PublishFigure Sum(PublishFigure[] all) => all.Length == 1
        ? all[0]
        : all[0] with
        {
            In = all.Sum(one => one.In),
            Out = all.Sum(one => one.Out),
            Unroutable = all.Sum(one => one.Unroutable),
            InRate = all.Sum(one => one.InRate),
            OutRate = all.Sum(one => one.OutRate),
        };

    private async Task<MemberFigures[]> AskAllAsync(FigureKinds kinds, string? queue, CancellationToken cancellation)
    {
        var asked = kinds | FigureKinds.Node;
        var here = own.TellAsync(asked, queue, cancellation);
        var others = members is null ? [] : await Task.WhenAll(members.Others.Select(member => AskAsync(member, asked, queue, cancellation))).ConfigureAwait(false);
        return [await here.ConfigureAwait(false), .. others.OfType<MemberFigures>()];
    }

    /// <summary>Has the store say how many messages wait in queues that nobody uses: whoever starts consumers by that number is not to wait for the first of them.</summary>
    private async Task<Picture> CountUnusedAsync(Picture picture, CancellationToken cancellation)
    {
        if (picture.Queues.All(static queue => queue.Figure.IsActive)
            || (await ReadStoreAsync(FigureKinds.Stored | FigureKinds.StoredMessages, null, cancellation).ConfigureAwait(false))?.Messages is not { } messages)
        {
            return picture;
        }

        return picture with
        {
            Queues =
            [
                .. picture.Queues.Select(queue => !queue.Figure.IsActive && messages.TryGetValue(queue.Figure.Key, out var count)
                    ? queue with { Figure = queue.Figure with { Ready = count } }
                    : queue),
            ],
        };
    }

    private async Task<StoredFigures?> ReadStoreAsync(FigureKinds kinds, string? queue, CancellationToken cancellation)
    {
        var asked = kinds & (FigureKinds.Stored | FigureKinds.Bindings | FigureKinds.StoredMessages);
        if ((await own.TellAsync(asked, queue, cancellation).ConfigureAwait(false)).Stored is { } here)
        {
            return here;
        }

        foreach (var member in members?.Others ?? [])
        {
            if (await AskAsync(member, asked, queue, cancellation).ConfigureAwait(false) is { Stored: { } there })
            {
                return there;
            }
        }

        return null;
    }

    private async Task<MemberFigures?> AskAsync(string member, FigureKinds kinds, string? queue, CancellationToken cancellation)
    {
        try
        {
            return members!.Find(member) is { } service
                ? await service.TellFiguresAsync(kinds, queue).WaitAsync(AnswerLimit, clock, cancellation).ConfigureAwait(false)
                : null;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // It goes, or is of a version that has no figures: what it holds is missing from the picture.
            LogNoAnswer(log, exception, member);
            return null;
        }
    }

    private async Task<bool> CloseAsync(string member, Guid connection, string reason, CancellationToken cancellation)
    {
        try
        {
            return members!.Find(member) is { } service
                && await service.CloseConnectionAsync(connection, reason).WaitAsync(AnswerLimit, clock, cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            LogNoAnswer(log, exception, member);
            return false;
        }
    }

    [LoggerMessage(2302, LogLevel.Debug, "Member {Member} has not told what it holds: lists go without it")]
    private static partial void LogNoAnswer(ILogger logger, Exception exception, string member);
}
