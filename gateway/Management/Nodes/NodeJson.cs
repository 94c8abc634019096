using System.Text.Json.Serialization;
using Granary.Core.Figures;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Nodes;

/// <summary>A listener of a node.</summary>
internal sealed record ListenerJson(string Node, string Protocol, string IpAddress, int Port)
{
    public static IEnumerable<ListenerJson> Of(in Placed<NodeFigure> node)
    {
        var name = node.Node;
        return node.Figure.Listeners.Select(listener => new ListenerJson(name, listener.Protocol, listener.Address, listener.Port));
    }
}

/// <summary>A type of exchanges.</summary>
internal sealed record ExchangeTypeJson(string Name, string Description, bool Enabled);

/// <summary>Something that is part of the broker and RabbitMQ's tools look for.</summary>
internal sealed record ApplicationJson(string Name, string Description, string Version);

/// <summary>A way to log in over AMQP, and whether it is offered.</summary>
internal sealed record MechanismJson(string Name, string Description, bool Enabled);

/// <summary>A node as RabbitMQ's management tells it.</summary>
internal sealed record NodeJson
{
    // Tools divide by these: a runtime that has no such bound tells RabbitMQ's.
    private const long Processes = 1_048_576;

    /// <summary>See <see cref="NodeFigure.Address"/>.</summary>
    [JsonIgnore]
    public string Address { get; init; } = "";

    public required string Name { get; init; }

    public required string Type { get; init; }

    public required bool Running { get; init; }

    public required string OsPid { get; init; }

    public required long Uptime { get; init; }

    public required int RunQueue { get; init; }

    public required int Processors { get; init; }

    public required long MemUsed { get; init; }

    public Rate MemUsedDetails { get; init; }

    public required long MemLimit { get; init; }

    public required bool MemAlarm { get; init; }

    public string MemCalculationStrategy { get; init; } = "rss";

    public required long DiskFree { get; init; }

    public Rate DiskFreeDetails { get; init; }

    public required long DiskFreeLimit { get; init; }

    public required bool DiskFreeAlarm { get; init; }

    public required long FdUsed { get; init; }

    public Rate FdUsedDetails { get; init; }

    public required long FdTotal { get; init; }

    public required long SocketsUsed { get; init; }

    public Rate SocketsUsedDetails { get; init; }

    public required long SocketsTotal { get; init; }

    public required long ProcUsed { get; init; }

    public Rate ProcUsedDetails { get; init; }

    public required long ProcTotal { get; init; }

    public string RatesMode { get; init; } = "basic";

    public int NetTicktime { get; init; } = 60;

    public required string[] Partitions { get; init; }

    public required string[] EnabledPlugins { get; init; }

    public required ApplicationJson[] Applications { get; init; }

    public required ExchangeTypeJson[] ExchangeTypes { get; init; }

    public required MechanismJson[] AuthMechanisms { get; init; }

    public required ContextJson[] Contexts { get; init; }

    public string DbDir { get; init; } = "";

    public string[] ConfigFiles { get; init; } = [];

    public string[] LogFiles { get; init; } = ["<stdout>"];

    public bool BeingDrained { get; init; }

    public required object[] ClusterLinks { get; init; }

    public required long GcNum { get; init; }

    public Rate GcNumDetails { get; init; }

    public required long GcBytesReclaimed { get; init; }

    public Rate GcBytesReclaimedDetails { get; init; }

    public required long ConnectionCreated { get; init; }

    public Rate ConnectionCreatedDetails { get; init; }

    public required long ConnectionClosed { get; init; }

    public Rate ConnectionClosedDetails { get; init; }

    public required long ChannelCreated { get; init; }

    public Rate ChannelCreatedDetails { get; init; }

    public required long ChannelClosed { get; init; }

    public Rate ChannelClosedDetails { get; init; }

    public required long QueueDeclared { get; init; }

    public Rate QueueDeclaredDetails { get; init; }

    public required long QueueCreated { get; init; }

    public Rate QueueCreatedDetails { get; init; }

    public required long QueueDeleted { get; init; }

    public Rate QueueDeletedDetails { get; init; }

    /// <summary>With what its figures were.</summary>
    public NodeJson WithStats(History history) => this with
    {
        MemUsedDetails = history.Of(MemUsedDetails, NodeNumber.MemoryUsed),
        DiskFreeDetails = history.Of(DiskFreeDetails, NodeNumber.DiskFree),
        FdUsedDetails = history.Of(FdUsedDetails, NodeNumber.FilesUsed),
        SocketsUsedDetails = history.Of(SocketsUsedDetails, NodeNumber.SocketsUsed),
        ProcUsedDetails = history.Of(ProcUsedDetails, NodeNumber.Threads),
        GcNumDetails = history.Of(GcNumDetails, NodeNumber.Collections),
        GcBytesReclaimedDetails = history.Of(GcBytesReclaimedDetails, NodeNumber.AllocatedBytes),
        ConnectionCreatedDetails = history.Of(ConnectionCreatedDetails, NodeNumber.ConnectionsOpened),
        ConnectionClosedDetails = history.Of(ConnectionClosedDetails, NodeNumber.ConnectionsEnded),
        ChannelCreatedDetails = history.Of(ChannelCreatedDetails, NodeNumber.ChannelsOpened),
        ChannelClosedDetails = history.Of(ChannelClosedDetails, NodeNumber.ChannelsEnded),
        QueueDeclaredDetails = history.Of(QueueDeclaredDetails, NodeNumber.QueuesDeclared),
        QueueCreatedDetails = history.Of(QueueCreatedDetails, NodeNumber.QueuesDeclared),
        QueueDeletedDetails = history.Of(QueueDeletedDetails, NodeNumber.QueuesEnded),
    };

    /// <param name="mechanisms">Which ways to log in are offered.</param>
    public static NodeJson Of(in Placed<NodeFigure> placed, IReadOnlyList<string> mechanisms)
    {
        var node = placed.Figure;
        return new NodeJson
        {
            Address = node.Address,
            Name = placed.Node,
            Type = "disc",
            Running = true,
            OsPid = node.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Uptime = node.Uptime,
            RunQueue = (int)Math.Min(node.RunQueue, int.MaxValue),
            Processors = node.Processors,
            MemUsed = node.MemoryUsed,
            MemUsedDetails = RateOf(NodeNumber.MemoryUsed),
            MemLimit = node.MemoryLimit,
            MemAlarm = node.MemoryAlarm,
            DiskFree = node.DiskFree,
            DiskFreeDetails = RateOf(NodeNumber.DiskFree),
            DiskFreeLimit = node.DiskFreeLimit,
            DiskFreeAlarm = node.DiskAlarm,
            FdUsed = node.FilesUsed,
            FdUsedDetails = RateOf(NodeNumber.FilesUsed),
            FdTotal = node.FilesLimit,
            SocketsUsed = node.SocketsUsed,
            SocketsUsedDetails = RateOf(NodeNumber.SocketsUsed),

            // As RabbitMQ reckons it: some files are kept for others.
            SocketsTotal = Math.Max(1, (long)(node.FilesLimit * 0.9) - 2),
            ProcUsed = node.Threads,
            ProcUsedDetails = RateOf(NodeNumber.Threads),
            ProcTotal = Processes,
            BeingDrained = node.IsSuspended,
            Partitions = [],
            EnabledPlugins = Catalog.Plugins,
            Applications = Catalog.Applications,
            ExchangeTypes = Catalog.ExchangeTypes,
            AuthMechanisms = [.. Catalog.AuthMechanisms.Select(mechanism => mechanism with { Enabled = mechanisms.Contains(mechanism.Name) })],
            Contexts = [.. ContextJson.Of(ListenerJson.Of(placed))],
            ClusterLinks = [],
            GcNum = node.Collections,
            GcNumDetails = RateOf(NodeNumber.Collections),
            GcBytesReclaimed = node.AllocatedBytes,
            GcBytesReclaimedDetails = RateOf(NodeNumber.AllocatedBytes),
            ConnectionCreated = node.ConnectionsOpened,
            ConnectionCreatedDetails = RateOf(NodeNumber.ConnectionsOpened),
            ConnectionClosed = node.ConnectionsEnded,
            ConnectionClosedDetails = RateOf(NodeNumber.ConnectionsEnded),
            ChannelCreated = node.ChannelsOpened,
            ChannelCreatedDetails = RateOf(NodeNumber.ChannelsOpened),
            ChannelClosed = node.ChannelsEnded,
            ChannelClosedDetails = RateOf(NodeNumber.ChannelsEnded),
            QueueDeclared = node.QueuesDeclared,
            QueueDeclaredDetails = RateOf(NodeNumber.QueuesDeclared),
            QueueCreated = node.QueuesDeclared,
            QueueCreatedDetails = RateOf(NodeNumber.QueuesDeclared),
            QueueDeleted = node.QueuesEnded,
            QueueDeletedDetails = RateOf(NodeNumber.QueuesEnded),
        };

        Rate RateOf(NodeNumber number) => new(node.RateOf(number));
    }
}

/// <summary>What is built in, by the names that RabbitMQ's tools look for.</summary>
internal static class Catalog
{
    public static readonly string[] Plugins = ["rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_prometheus"];

    public static readonly ApplicationJson[] Applications = [new("rabbit", "Granary", ApiVersion.Of), new("rabbitmq_management", "Management API", ApiVersion.Of), new("rabbitmq_prometheus", "Metrics", ApiVersion.Of)];

    public static readonly ExchangeTypeJson[] ExchangeTypes =
    [
        new("direct", "AMQP direct exchange, as per the AMQP specification", true),
        new("fanout", "AMQP fanout exchange, as per the AMQP specification", true),
        new("headers", "AMQP headers exchange, as per the AMQP specification", true),
        new("topic", "AMQP topic exchange, as per the AMQP specification", true),
        new(Core.Routing.ExchangeTypes.ConsistentHash, "Consistent Hashing Exchange", true),
        new(Core.Routing.ExchangeTypes.ModulusHash, "Modulus Hashing Exchange", true),
        new(Core.Routing.ExchangeTypes.Random, "AMQP Random Exchange", true),
        new(Core.Routing.ExchangeTypes.LocalRandom, "Picks one random local binding (queue) to route via", true),
        new(Core.Routing.ExchangeTypes.RecentHistory, "Recent History Exchange.", true),
        new(Core.Routing.ExchangeTypes.DelayedMessage, "Delayed Message Exchange.", true),
        new(Core.Routing.ExchangeTypes.Deduplication, "Message Deduplication Exchange.", true),
    ];

    public static readonly MechanismJson[] AuthMechanisms =
    [
        new(AuthenticationOptions.Plain, "SASL PLAIN authentication mechanism", false),
        new(AuthenticationOptions.AmqPlain, "QPid AMQPLAIN mechanism", false),
        new(AuthenticationOptions.External, "TLS peer verification-based authentication mechanism", false),
        new(AuthenticationOptions.Anonymous, "SASL ANONYMOUS authentication mechanism", false),
    ];
}

/// <summary>The version of RabbitMQ whose behaviour this broker has; tools choose theirs by it.</summary>
internal static class ApiVersion
{
    public static readonly string Of = new Amqp.AmqpOptions().Version;
}
