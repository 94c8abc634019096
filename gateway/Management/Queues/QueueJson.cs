using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Gateway.Management.Clients;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Queues;

/// <summary>A queue as RabbitMQ's management tells it.</summary>
internal sealed record QueueJson
{
    public required string Name { get; init; }

    public required string Vhost { get; init; }

    public required string Type { get; init; }

    public required bool Durable { get; init; }

    public required bool AutoDelete { get; init; }

    public required bool Exclusive { get; init; }

    public required FieldTable Arguments { get; init; }

    /// <summary>Of an exclusive queue: the connection that it belongs to.</summary>
    public OwnerDetails? OwnerPidDetails { get; init; }

    [JsonIgnore]
    public Guid Owner { get; init; }

    public required string Node { get; init; }

    /// <summary><c>running</c> for all that can be used: one that nobody uses begins with the first use.</summary>
    public required string State { get; init; }

    public long Messages { get; init; }

    public Rate MessagesDetails { get; init; }

    public long MessagesReady { get; init; }

    public Rate MessagesReadyDetails { get; init; }

    public long MessagesUnacknowledged { get; init; }

    public Rate MessagesUnacknowledgedDetails { get; init; }

    public long MessagesRam { get; init; }

    public long MessagesReadyRam { get; init; }

    public long MessagesUnacknowledgedRam { get; init; }

    public long MessagesPersistent { get; init; }

    public long MessagesPagedOut { get; init; }

    public long MessageBytes { get; init; }

    public long MessageBytesReady { get; init; }

    public long MessageBytesUnacknowledged { get; init; }

    public long MessageBytesRam { get; init; }

    public long MessageBytesPersistent { get; init; }

    public long MessageBytesPagedOut { get; init; }

    public long Memory { get; init; }

    public int Consumers { get; init; }

    public double ConsumerCapacity { get; init; }

    public double ConsumerUtilisation { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Policy { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? OperatorPolicy { get; init; }

    public JsonElement EffectivePolicyDefinition { get; init; } = PolicyDefinition.Empty.Json;

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? ExclusiveConsumerTag { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? SingleActiveConsumerTag { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? HeadMessageTimestamp { get; init; }

    /// <summary>RabbitMQ's form of a time, in UTC; absent while it is used.</summary>
    public string? IdleSince { get; init; }

    public MessageStats? MessageStats { get; init; }

    /// <summary>Of a quorum queue: where it is. There are no copies on other nodes: the store has it.</summary>
    public string? Leader { get; init; }

    public string[]? Members { get; init; }

    public string[]? Online { get; init; }

    /// <summary>Of a quorum queue: how often a message may come back, a number or <c>unlimited</c>.</summary>
    public JsonNode? DeliveryLimit { get; init; }

    /// <summary>Of a quorum queue: which messages that come back wait, and how long, or <c>disabled</c>.</summary>
    public string? DelayedRetry { get; init; }

    /// <summary>Of a quorum queue: messages that came back and wait. They are neither ready nor unacknowledged.</summary>
    public long? MessagesDelayed { get; init; }

    /// <summary>When the first of them can be delivered, in Unix milliseconds; absent, where none waits.</summary>
    public long? NextDelayedAt { get; init; }

    public long? LastDelayedAt { get; init; }

    /// <summary>How long ago the oldest ready message came, in milliseconds; absent where there is none, or nobody knows. RabbitMQ has no such figure.</summary>
    public long? OldestReadyAge { get; init; }

    /// <summary>The same of messages that were given out and are not settled.</summary>
    public long? OldestUnacknowledgedAge { get; init; }

    public IReadOnlyList<ConsumerJson>? ConsumerDetails { get; init; }

    public object[]? Incoming { get; init; }

    public object[]? Deliveries { get; init; }

    /// <summary>With how many messages it had.</summary>
    public QueueJson WithLengths(History history)
    {
        var (ready, unacked) = (QueueNumbers.Ready, QueueNumbers.Unacked);
        return this with
        {
            MessagesDetails = history.Of(MessagesDetails, [ready, unacked]),
            MessagesReadyDetails = history.Of(MessagesReadyDetails, [ready]),
            MessagesUnacknowledgedDetails = history.Of(MessagesUnacknowledgedDetails, [unacked]),
        };
    }

    /// <summary>With what was done with its messages.</summary>
    public QueueJson WithRates(History history) => MessageStats is null ? this : this with { MessageStats = MessageStats.WithQueue(history) };

    /// <param name="policy">What the queue goes by.</param>
    public static QueueJson Of(in Placed<QueueFigure> placed, AppliedPolicy policy, IReadOnlyList<ConsumerJson>? consumers = null)
    {
        var queue = placed.Figure;
        var (vhost, name) = GrainKeys.Parse(queue.Key);
        var arguments = queue.Declaration.Arguments.IsEmpty ? FieldTable.Empty : queue.Declaration.Arguments.Decode();
        var isQuorum = TypeOf(arguments) == "quorum";
        return new QueueJson
        {
            Name = name,
            Vhost = vhost,
            Type = TypeOf(arguments),
            Durable = queue.Declaration.Durable,
            AutoDelete = queue.Declaration.AutoDelete,
            Exclusive = queue.Declaration.Exclusive,
            Owner = queue.Declaration.Connection.Value,
            Arguments = arguments,
            Node = placed.Node,
            State = "running",
            Messages = queue.Messages,
            MessagesDetails = new Rate(queue.ReadyRate + queue.UnackedRate),
            MessagesReady = queue.Ready,
            MessagesReadyDetails = new Rate(queue.ReadyRate),
            MessagesUnacknowledged = queue.Unacked,
            MessagesUnacknowledgedDetails = new Rate(queue.UnackedRate),
            MessageBytes = queue.ReadyBytes,
            MessageBytesReady = queue.ReadyBytes,
            MessageBytesRam = queue.MemoryBytes,
            MessageBytesPagedOut = queue.ReadyBytes - queue.MemoryBytes,
            Memory = queue.IsActive ? QueueMemory.Resting + queue.MemoryBytes : 0,
            Consumers = queue.Consumers,
            ConsumerCapacity = queue.Consumers > 0 && queue.Ready == 0 ? 1 : 0,
            ConsumerUtilisation = queue.Consumers > 0 && queue.Ready == 0 ? 1 : 0,
            IdleSince = queue.IdleSince > 0 ? Times.Format(queue.IdleSince) : null,
            MessageStats = MessageStats.Of(queue),
            Leader = isQuorum ? placed.Node : null,
            Members = isQuorum ? [placed.Node] : null,
            Online = isQuorum ? [placed.Node] : null,
            Policy = policy.User?.Name,
            OperatorPolicy = policy.Operator?.Name,
            EffectivePolicyDefinition = policy.Definition.Json,
            DeliveryLimit = isQuorum ? DeliveryLimits.Of(arguments, policy.Definition) is { } limit ? limit : "unlimited" : null,
            DelayedRetry = isQuorum ? Core.Policies.DelayedRetry.Of(arguments, policy.Definition)?.ToString() ?? "disabled" : null,
            MessagesDelayed = isQuorum ? queue.Waiting : null,
            NextDelayedAt = queue.Waiting > 0 ? queue.NextWaiting : null,
            LastDelayedAt = queue.Waiting > 0 ? queue.LastWaiting : null,
            OldestReadyAge = queue.OldestReadyAge,
            OldestUnacknowledgedAge = queue.OldestUnackedAge,
            ConsumerDetails = consumers,
            Incoming = consumers is null ? null : [],
            Deliveries = consumers is null ? null : [],
        };
    }

    private static string TypeOf(FieldTable arguments) =>
        arguments.Count > 0 && arguments.TryGetValue("x-queue-type", out var value) && value.TryGetText(out var text) ? text : "classic";
}

/// <summary>Where a queue's history has what is no <see cref="QueueCount"/>.</summary>
internal static class QueueNumbers
{
    public static readonly int Ready = Enum.GetValues<QueueCount>().Length;

    public static readonly int Unacked = Ready + 1;
}

/// <summary>What a queue takes of memory besides messages.</summary>
internal static class QueueMemory
{
    /// <summary>Octets, as measured of many idle ones (docs/performance.md).</summary>
    public const long Resting = 6_000;
}

/// <summary>Who has a queue for himself.</summary>
/// <param name="Node">Where the connection is, which need not be where the queue is.</param>
internal sealed record OwnerDetails(string Name, string Node, string PeerHost, int PeerPort);
