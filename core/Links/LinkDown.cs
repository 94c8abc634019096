using Granary.Core.Messages;

namespace Granary.Core.Links;

/// <summary>One packet of a link's downward stream (queue to gateway). The gateway applies packets by <see cref="Number"/>.</summary>
[GenerateSerializer, Immutable, Alias("granary.LinkDown")]
public sealed class LinkDown
{
    [Id(0)]
    public required LinkId Link { get; init; }

    /// <summary>The queue's epoch. A packet of a lower epoch than the highest seen is dropped.</summary>
    [Id(1)]
    public required long Epoch { get; init; }

    /// <summary>1, 2, 3 …</summary>
    [Id(2)]
    public required long Number { get; init; }

    /// <summary>All upward packets up to this number have been applied.</summary>
    [Id(3)]
    public long ReceivedThrough { get; init; }

    /// <summary>
    /// Every offset below this one is durable, needs no write, or is gone for whatever reason: what confirms wait for.
    /// </summary>
    [Id(4)]
    public long Watermark { get; init; }

    [Id(5)]
    public LinkDownItem[] Items { get; init; } = [];

    /// <summary>What upward packets up to this number settled is stored, if it is to be.</summary>
    [Id(6)]
    public long StoredUp { get; init; }

    /// <summary>That messages which need no acknowledgement were delivered by downward packets up to this number is stored, if it is to be.</summary>
    [Id(7)]
    public long StoredDown { get; init; }

    /// <summary>
    /// Of an exclusive queue in memory: nothing is left in it of what these sessions published, now that this packet is sent. It all went to this session, or is gone.
    /// </summary>
    [Id(8)]
    public BatchProgress[]? GivenThrough { get; init; }
}

/// <summary>Messages of a queue on their way to a consumer, offsets ascending without a gap.</summary>
/// <param name="FirstOffset">Offset of the first message of <paramref name="Batch"/>.</param>
/// <param name="Redelivered">All of them may have been seen before.</param>
[GenerateSerializer, Immutable, Alias("granary.DeliverySlice")]
public readonly record struct DeliverySlice(
    [property: Id(0)] MessageBatch Batch, [property: Id(1)] long FirstOffset, [property: Id(2)] bool Redelivered);

[GenerateSerializer, Immutable, Alias("granary.LinkDownItem")]
public abstract record LinkDownItem;

/// <summary>First in packet 1 when the queue exists.</summary>
/// <param name="Incarnation">Identifies the declared queue: a deleted and redeclared one has another.</param>
/// <param name="ConsumerTimeout">How long a delivery of it may stay unacknowledged, in milliseconds; null: as long as the gateway's clients may in general.</param>
[GenerateSerializer, Immutable, Alias("granary.OpenedItem")]
public sealed record OpenedItem([property: Id(0)] Guid Incarnation, [property: Id(1)] long? ConsumerTimeout = null) : LinkDownItem
{
    /// <summary>After how long a delivery of it that is not settled comes back, in milliseconds; null: as long as its consumer says, or never.</summary>
    [Id(2)]
    public long? MessageLease { get; init; }
}

/// <summary>Why a link ended from the queue's side.</summary>
public enum LinkEnd : byte
{
    /// <summary>There was no such queue when the link was opened.</summary>
    NoQueue,

    /// <summary>The queue was deleted: consumers are cancelled, later publishes count as unrouted here, earlier ones as confirmed.</summary>
    Deleted,

    /// <summary>The activation ended, and another follows: a new link goes on where this one was.</summary>
    Lost,

    /// <summary>
    /// Another process has taken the queue, and nobody here is to take it back: consumers are cancelled, and nobody can say of a publish whose messages are
    /// not known to be stored whether they are.
    /// </summary>
    Elsewhere,
}

/// <summary>
/// The last item of a link that the queue ended. Whatever was in upward packets that had not been answered before this item was not applied.
/// </summary>
[GenerateSerializer, Immutable, Alias("granary.EndedItem")]
public sealed record EndedItem([property: Id(0)] LinkEnd Reason) : LinkDownItem;

/// <summary>Answers the next unanswered <see cref="PublishItem"/> of the link.</summary>
/// <param name="FirstOffset">The offset of the first accepted message; the accepted ones follow each other.</param>
/// <param name="Refused">Indexes into the batch that were refused (<c>reject-publish</c>) and took no offset, ascending; null for none.</param>
/// <param name="Backlog">The bytes that are ready, if the messages are large and consumers take some but not all: the publisher need not hurry.</param>
[GenerateSerializer, Immutable, Alias("granary.PublishedItem")]
public sealed record PublishedItem([property: Id(0)] long FirstOffset, [property: Id(1)] int[]? Refused, [property: Id(2)] long Backlog = 0) : LinkDownItem;

/// <summary>Messages for a consumer.</summary>
[GenerateSerializer, Immutable, Alias("granary.DeliveryItem")]
public sealed record DeliveryItem([property: Id(0)] int Consumer, [property: Id(1)] DeliverySlice[] Slices) : LinkDownItem;

/// <summary>Answers <see cref="AttachItem"/>. Comes again when another consumer becomes <paramref name="Active"/>.</summary>
/// <param name="Error">Null when the consumer is attached.</param>
/// <param name="Rank">Higher than that of each consumer that attached before; 0: from a silo that gives none. It tells the next activation in which order they came.</param>
/// <param name="Active">It is the one that is given messages, where only one is given any: the next activation is told.</param>
/// <param name="Position">Of a stream: where it begins to read, in terms of the offsets that it is delivered. The next activation is told.</param>
[GenerateSerializer, Immutable, Alias("granary.AttachedItem")]
public sealed record AttachedItem([property: Id(0)] int Consumer, [property: Id(1)] BrokerError? Error, [property: Id(2)] long Rank = 0,
    [property: Id(3)] bool Active = false, [property: Id(4)] long Position = 0) : LinkDownItem;

/// <summary>Answers <see cref="DetachItem"/>.</summary>
[GenerateSerializer, Immutable, Alias("granary.DetachedItem")]
public sealed record DetachedItem([property: Id(0)] int Consumer) : LinkDownItem;

/// <summary>Answers <see cref="GetItem"/>.</summary>
/// <param name="Message">One message, or null when the queue had none ready.</param>
/// <param name="MessageCount">Messages still ready after it.</param>
/// <param name="Error">Why nothing may be got, or null.</param>
[GenerateSerializer, Immutable, Alias("granary.GotItem")]
public sealed record GotItem(
    [property: Id(0)] long Request, [property: Id(1)] DeliverySlice? Message, [property: Id(2)] long MessageCount,
    [property: Id(3)] BrokerError? Error) : LinkDownItem;

/// <summary>A consumer under a shared limit could be given messages now; said once, until a <see cref="LendItem"/>.</summary>
[GenerateSerializer, Immutable, Alias("granary.ReadyItem")]
public sealed record ReadyItem([property: Id(0)] int Consumer) : LinkDownItem;

/// <summary>Gives back what a <see cref="LendItem"/> lent and the queue had no message for.</summary>
[GenerateSerializer, Immutable, Alias("granary.UnusedItem")]
public sealed record UnusedItem([property: Id(0)] int Consumer, [property: Id(1)] int Count) : LinkDownItem;

/// <summary>Answers <see cref="CloseItem"/>; the last item of a link that the gateway ended.</summary>
[GenerateSerializer, Immutable, Alias("granary.ClosedItem")]
public sealed record ClosedItem : LinkDownItem;
