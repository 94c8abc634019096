using Granary.Core.Messages;

namespace Granary.Core.Links;

/// <summary>
/// One packet of a link's upward stream (gateway to queue). Its items are applied in one turn, in order, or not at all.
/// Orleans does not keep calls in order, so the queue applies packets by <see cref="Number"/>, and a packet may arrive twice.
/// </summary>
[GenerateSerializer, Immutable, Alias("granary.LinkUp")]
public sealed class LinkUp
{
    [Id(0)]
    public required LinkId Link { get; init; }

    /// <summary>The queue's epoch that the gateway talks to; 0 until the queue has told it.</summary>
    [Id(1)]
    public long Epoch { get; init; }

    /// <summary>1, 2, 3 …; 0 is a packet outside the stream that only carries <see cref="ReceivedThrough"/> and asks what is missing.</summary>
    [Id(2)]
    public long Number { get; init; }

    /// <summary>All downward packets up to this number have arrived and need not be kept.</summary>
    [Id(3)]
    public long ReceivedThrough { get; init; }

    /// <summary>Only, and always, in packet 1.</summary>
    [Id(4)]
    public LinkOpen? Open { get; init; }

    [Id(5)]
    public LinkUpItem[] Items { get; init; } = [];

    /// <summary>With number 0: the gateway knows of the end of the link, and no other packet of it is under way. The queue need not remember it.</summary>
    [Id(6)]
    public bool IsLast { get; init; }

    /// <summary>The same packet as it is sent once more.</summary>
    internal LinkUp Again() => Open is not { IsRepeated: false } open ? this : new LinkUp
    {
        Link = Link,
        Epoch = Epoch,
        Number = Number,
        ReceivedThrough = ReceivedThrough,
        Open = open with { IsRepeated = true },
        Items = Items,
    };
}

/// <summary>Who is at the gateway's end of a link.</summary>
/// <param name="Connection">Compared with the owner of an exclusive queue.</param>
/// <param name="Observer">Where packets downward are pushed to.</param>
/// <param name="Session">What the link is for; an earlier one may have been lost.</param>
/// <param name="Incarnation">Of the queue that an earlier link was to: no other is meant. Empty for any.</param>
/// <param name="Ordinal">1, 2, 3 … within the session: a link that opens ends those before it, whose packets may still be on their way.</param>
[GenerateSerializer, Immutable, Alias("granary.LinkOpen")]
public sealed record LinkOpen(
    [property: Id(0)] ConnectionId Connection, [property: Id(1)] ILinkObserver Observer, [property: Id(2)] SessionId Session, [property: Id(3)] Guid Incarnation,
    [property: Id(4)] int Ordinal)
{
    /// <summary>
    /// What <see cref="LinkDown.GivenThrough"/> of earlier links said: batches that this session has had, and that their publishers send again if the activation was
    /// lost before it could answer.
    /// </summary>
    [Id(5)]
    public BatchProgress[]? GivenThrough { get; init; }

    /// <summary>
    /// The packet was sent before, and nobody has answered: an activation that was lost may have taken it, and have given on what is published with it.
    /// </summary>
    [Id(6)]
    public bool IsRepeated { get; init; }
}

/// <summary>The answer to a packet upward. What belongs to the downward stream may ride on it: numbers, not the way taken, give the order.</summary>
/// <param name="ReceivedThrough">All upward packets up to this number have been applied.</param>
/// <param name="Downs">Packets of the downward stream, possibly none, possibly also pushed.</param>
[GenerateSerializer, Immutable, Alias("granary.LinkAnswer")]
public readonly record struct LinkAnswer([property: Id(0)] long ReceivedThrough, [property: Id(1)] LinkDown[]? Downs);

[GenerateSerializer, Immutable, Alias("granary.LinkUpItem")]
public abstract record LinkUpItem;

/// <summary>Messages to enqueue. Answered by one <see cref="PublishedItem"/> per item.</summary>
/// <param name="Resent">The batch was sent before, to an earlier activation: its messages may have been seen.</param>
[GenerateSerializer, Immutable, Alias("granary.PublishItem")]
public sealed record PublishItem([property: Id(0)] MessageBatch Batch, [property: Id(1)] bool Resent) : LinkUpItem
{
    /// <summary>1, 2, 3 … within the session: what a queue has stored up to one it need not take again.</summary>
    [Id(2)]
    public long Number { get; init; }

    /// <summary>The activation before has answered that it took all of these, though it may have been lost before it stored them. What it refused of the batch is not here any more.</summary>
    [Id(3)]
    public bool WasTaken { get; init; }
}

/// <summary>
/// Deliveries of an earlier activation that the connection still has, or has settled without hearing that this is stored. What the queue still has of them is
/// delivered to nobody else, and is settled as if this activation had delivered it. Only in packet 1.
/// </summary>
/// <param name="Consumer">Attached before in the same packet, or gone, or 0 for what was got.</param>
[GenerateSerializer, Immutable, Alias("granary.HoldItem")]
public sealed record HoldItem([property: Id(0)] int Consumer, [property: Id(1)] OffsetRange[] Offsets) : LinkUpItem;

/// <summary>Adds a consumer. Answered by <see cref="AttachedItem"/>.</summary>
/// <param name="Consumer">The gateway's number for the consumer, unique in the connection.</param>
/// <param name="Prefetch">Unacknowledged deliveries allowed; 0 is no limit. Not used when <paramref name="NoAck"/>.</param>
/// <param name="Shared">See <see cref="ShareItem"/>.</param>
/// <param name="Rank">Which an earlier activation gave it (<see cref="AttachedItem"/>); 0: it is new, or was attached by a silo that gives none.</param>
/// <param name="Active">It was the one that an earlier activation gave messages to, where only one is given any.</param>
/// <param name="Position">What follows the last that it was delivered: where a stream goes on. 0: it is new.</param>
[GenerateSerializer, Immutable, Alias("granary.AttachItem")]
public sealed record AttachItem(
    [property: Id(0)] int Consumer, [property: Id(1)] string Tag, [property: Id(2)] bool NoAck, [property: Id(3)] bool Exclusive,
    [property: Id(4)] int Prefetch, [property: Id(5)] bool Shared, [property: Id(6)] EncodedTable Arguments, [property: Id(7)] Window Window,
    [property: Id(8)] long Rank = 0, [property: Id(9)] bool Active = false, [property: Id(10)] long Position = 0) : LinkUpItem;

/// <summary>How much may have been pushed to a consumer in all since it attached: absolute, so that a repeated or late one does no harm.</summary>
/// <param name="Messages">Messages in all.</param>
/// <param name="Bytes">Record bytes in all; a delivery may go beyond it by less than one record.</param>
[GenerateSerializer, Immutable, Alias("granary.Window")]
public readonly record struct Window([property: Id(0)] long Messages, [property: Id(1)] long Bytes);

/// <summary>Renews a consumer's window as the socket drains.</summary>
[GenerateSerializer, Immutable, Alias("granary.WindowItem")]
public sealed record WindowItem([property: Id(0)] int Consumer, [property: Id(1)] Window Window) : LinkUpItem;

/// <summary>Replaces a consumer's prefetch. What it has unacknowledged counts, and stays even if that is more than the new one.</summary>
[GenerateSerializer, Immutable, Alias("granary.PrefetchItem")]
public sealed record PrefetchItem([property: Id(0)] int Consumer, [property: Id(1)] int Prefetch) : LinkUpItem;

/// <summary>
/// Puts a consumer under a limit that it shares with others (global qos), besides its own prefetch, or lifts that. While it is shared the queue says
/// <see cref="ReadyItem"/> and waits for a <see cref="LendItem"/> before it delivers anything, without acknowledgements, too.
/// </summary>
[GenerateSerializer, Immutable, Alias("granary.ShareItem")]
public sealed record ShareItem([property: Id(0)] int Consumer, [property: Id(1)] bool Shared) : LinkUpItem;

/// <summary>Lends a part of a shared limit to a consumer. What is not used at once comes back by <see cref="UnusedItem"/>.</summary>
/// <param name="Count">0: nothing is left of the limit. The consumer is lent something as soon as there is; until then others need not wait for it.</param>
[GenerateSerializer, Immutable, Alias("granary.LendItem")]
public sealed record LendItem([property: Id(0)] int Consumer, [property: Id(1)] int Count) : LinkUpItem;

/// <summary>What becomes of delivered messages.</summary>
public enum Settlement : byte
{
    /// <summary>Acknowledged: done with.</summary>
    Ack,

    /// <summary>Rejected without requeue: dead-lettered or dropped.</summary>
    Reject,

    /// <summary>Back to their original place, <c>redelivered</c> from now on.</summary>
    Requeue,

    /// <summary>Pushed but never written to a socket: back to their original place as if never sent.</summary>
    Undelivered,

    /// <summary>As <see cref="Requeue"/>, of messages whose delivery failed: whoever had them rejected them, or ended. In packets <see cref="SettleItem.HasFailed"/> says so.</summary>
    Failed,
}

/// <summary>Settles deliveries made on this link; unknown offsets are ignored.</summary>
[GenerateSerializer, Immutable, Alias("granary.SettleItem")]
public sealed record SettleItem([property: Id(0)] Settlement Settlement, [property: Id(1)] OffsetRange[] Offsets) : LinkUpItem
{
    /// <summary>No client said so: their lease is over (<see cref="MessageLease"/>). For what is counted only.</summary>
    [Id(2)]
    public bool IsLeaseOver { get; init; }

    /// <summary>Of <see cref="Settlement.Requeue"/>: it is <see cref="Settlement.Failed"/>, which members of version 1 do not know.</summary>
    [Id(3)]
    public bool HasFailed { get; init; }

    /// <summary>What was meant.</summary>
    public Settlement Outcome => HasFailed || IsLeaseOver ? Settlement.Failed : Settlement;

    public static SettleItem Of(Settlement outcome, OffsetRange[] offsets) =>
        outcome == Settlement.Failed ? new SettleItem(Settlement.Requeue, offsets) { HasFailed = true } : new SettleItem(outcome, offsets);
}

/// <summary>basic.get. Answered by <see cref="GotItem"/> with the same request number.</summary>
[GenerateSerializer, Immutable, Alias("granary.GetItem")]
public sealed record GetItem([property: Id(0)] long Request, [property: Id(1)] bool NoAck) : LinkUpItem;

/// <summary>Removes a consumer; its unsettled deliveries stay. Answered by <see cref="DetachedItem"/>, after which nothing is delivered to it.</summary>
[GenerateSerializer, Immutable, Alias("granary.DetachItem")]
public sealed record DetachItem([property: Id(0)] int Consumer) : LinkUpItem;

/// <summary>The last item of a link: consumers go, unsettled deliveries are requeued. Answered by <see cref="ClosedItem"/>.</summary>
[GenerateSerializer, Immutable, Alias("granary.CloseItem")]
public sealed record CloseItem : LinkUpItem;
