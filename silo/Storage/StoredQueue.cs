using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Deduplication;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>
/// One queue as an activation holds it in a store: the handle for what it writes and reads, and what there was when it was taken over.
/// A store derives its own. The handle of a lower epoch than the queue's present one is fenced: nothing is written by it any more.
/// </summary>
internal abstract class StoredQueue(QueueIdentity identity, long epoch)
{
    public QueueIdentity Identity { get; } = identity;

    /// <summary>Rises with every activation.</summary>
    public long Epoch { get; } = epoch;

    /// <summary>What there was at the take-over; nothing for a queue that was just created.</summary>
    public StoredBacklog Backlog { get; init; } = StoredBacklog.Empty;
}

/// <summary>What a store has of a queue when an activation takes it over.</summary>
/// <param name="First">The lowest offset of a message that is not settled; <paramref name="NextOffset"/> if there is none.</param>
/// <param name="NextOffset">The bound below which all offsets may have been given: the first that this activation may give. Of a stream, the one after the last message.</param>
/// <param name="DeliveredBound">Messages below it may have been delivered.</param>
/// <param name="Count">Messages that are not settled. Transient ones that were only paged out do not survive their activation and do not count.</param>
/// <param name="Bytes">Their record bytes.</param>
/// <param name="BodyBytes">Of these, the bytes of their bodies.</param>
/// <param name="Flags">Every flag that any of them has, and possibly more.</param>
/// <param name="NextDue">When the first of those that expire does so, in Unix milliseconds, or <see cref="long.MaxValue"/>.</param>
/// <param name="Sessions">What each session that may publish again had stored.</param>
internal sealed record StoredBacklog(
    long First, long NextOffset, long DeliveredBound, long Count, long Bytes, long BodyBytes, MessageFlags Flags, long NextDue, IReadOnlyList<PublishProgress> Sessions)
{
    /// <summary>What parts of it take, in their order; none, where the store does not know.</summary>
    public IReadOnlyList<PagedPiece> Pieces { get; init; } = [];

    /// <summary>
    /// Where messages have times of their own (<see cref="QueueIdentity.HasTimes"/>), all of them; else those that expire sooner than any before them, and possibly
    /// others that expire. In no order.
    /// </summary>
    public IReadOnlyList<TimedRun> Runs { get; init; } = [];

    /// <summary>When the last of all expires, in Unix milliseconds, or later; <see cref="long.MaxValue"/>: some never do.</summary>
    public long LastDue { get; init; } = long.MaxValue;

    public static readonly StoredBacklog Empty = new(0, 0, 0, 0, 0, 0, MessageFlags.None, long.MaxValue, []) { LastDue = long.MinValue };
}

/// <summary>Messages with successive offsets and the same time, by what is known of them without their records.</summary>
/// <param name="Due">When they are due, in Unix milliseconds.</param>
/// <param name="Length">The bytes of their records.</param>
/// <param name="Bodies">Of these, the bytes of their bodies.</param>
internal readonly record struct TimedRun(long First, int Count, long Due, int Length, int Bodies)
{
    /// <summary>The first offset after the run.</summary>
    public long End => First + Count;
}

/// <summary>
/// All persistent messages that a session published up to this number are in the store, or were gone before they had to be.
/// Or, where the id is that of a message (<see cref="MessageKey"/>): when a message with it was taken. Or see <see cref="Refused"/>.
/// </summary>
/// <param name="Number">Below 0: the session is over, and the store forgets it.</param>
internal readonly record struct PublishProgress(SessionId Session, long Number)
{
    /// <summary>As a number: the session is over.</summary>
    public const long Over = -1;

    private const int OfSession = 4;
    private const int OfRefused = 9;

    /// <summary>Nothing will be heard of the session any more.</summary>
    public bool IsOver => Number < 0;

    /// <summary>What an activation says of its sessions at its end, and not with messages that they publish.</summary>
    public bool IsLast { get; init; }

    /// <summary>It is written whatever becomes of the messages that it came with.</summary>
    public bool IsLasting => IsOver || IsLast || MessageKey.Is(Session);

    public static PublishProgress End(SessionId session) => new(session, Over);

    /// <summary>
    /// Of what the session published up to this number some was refused, and of what was taken after it nothing. It stands under the session's id with a version that none has
    /// (RFC 9562 knows none above 8): a store has one list of sessions, and silos that do not know this take it for one that never comes.
    /// </summary>
    public static PublishProgress Refused(SessionId session, long number) => new(WithVersion(session, OfRefused), number);

    /// <summary>It is <see cref="Refused"/>.</summary>
    public bool IsOfRefused(out SessionId session)
    {
        var isOfRefused = Session.Value.Version == OfRefused;
        session = isOfRefused ? WithVersion(Session, OfSession) : default;
        return isOfRefused;
    }

    private static SessionId WithVersion(SessionId id, int version)
    {
        Span<byte> octets = stackalloc byte[16];
        id.Value.TryWriteBytes(octets, bigEndian: true, out _);
        octets[6] = (byte)((octets[6] & 0x0F) | (version << 4));
        return new SessionId(new Guid(octets, bigEndian: true));
    }
}
