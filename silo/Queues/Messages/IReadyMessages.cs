namespace Granary.Silo.Queues.Messages;

/// <summary>All messages of a queue that can be taken, in the order in which they are: one run of offsets, or one for each priority.</summary>
internal interface IReadyMessages
{
    /// <summary>So many runs of messages expire together at the most, so that none of a queue's turns takes long.</summary>
    const int MostTogether = 4096;

    long Count { get; }

    /// <summary>The record bytes of all messages.</summary>
    long Bytes { get; }

    /// <summary>The record bytes of those in memory.</summary>
    long MemoryBytes { get; }

    /// <summary>The body bytes of all messages, if they are counted.</summary>
    long BodyBytes { get; }

    /// <summary>Those that are in the store only.</summary>
    long PagedCount { get; }

    bool IsEmpty { get; }

    /// <summary>The lowest offset of any; <see cref="long.MaxValue"/>: there is none.</summary>
    long FirstOffset { get; }

    /// <summary>Memory may have to be given back some time.</summary>
    bool NeedsTidy { get; }

    /// <summary>When the next message expires, wherever it stands, or <see cref="MessageRun.Never"/>. Of what is not known, as it is not in memory, it is found out soon.</summary>
    long NextDue { get; }

    /// <summary>Where the next message to be taken is: it is the first there. Whoever has emptied it looks again.</summary>
    ReadyMessages Top { get; }

    /// <summary>Each run of offsets, the one that is taken from first before the others.</summary>
    IReadOnlyList<ReadyMessages> Lanes { get; }

    /// <summary>Whether <see cref="BodyBytes"/> is wanted: that costs a look at every record. What is paged out is counted in any case.</summary>
    void CountBodies(bool isWanted);

    void Append(in MessageRun run);

    /// <summary>Puts messages back to their original place.</summary>
    void Return(in MessageRun run);

    /// <summary>Appends messages that an earlier activation had; those below <paramref name="redeliveredBelow"/> may have been delivered.</summary>
    void AppendBack(in MessageRun run, long redeliveredBelow);

    /// <summary>Takes out what was due before <paramref name="limit"/>, wherever it stands.</summary>
    /// <returns>False: there is more, which is for the next time (<see cref="MostTogether"/>).</returns>
    bool Expire(long limit);

    /// <summary>Hands over what expired since the last time.</summary>
    MessageRun[] TakeExpired();

    /// <summary>Ends a turn: what was not taken in it stays for a while.</summary>
    void EndTurn();

    void Tidy(long now);

    /// <summary>Removes everything and says how many messages there were.</summary>
    /// <param name="gone">Told the first offset of each stretch of them, and the one after it.</param>
    long Clear(Action<long, long>? gone);

    /// <summary>Adds those that are in memory, in no order.</summary>
    void AddLoaded(List<MessageRun> runs);

    /// <summary>
    /// Gives up the memory of what need not be in it, while more than <paramref name="budget"/> bytes are used. What is to be stored first is added to
    /// <paramref name="copies"/>. To be called after <see cref="EndTurn"/>.
    /// </summary>
    /// <param name="storedEnd">All that was handed to the store below this offset is there.</param>
    /// <param name="isDurable">Persistent messages are handed to the store when they come.</param>
    /// <param name="redeliveredBelow">Messages below are known to be redelivered; that others are the store does not keep, so those stay.</param>
    void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies);

    /// <summary>What should be read back now, if anything; <see cref="Load"/> has to follow.</summary>
    PageRequest? NextLoad();

    /// <summary>Takes what was read back.</summary>
    /// <param name="runs">Null if reading failed: it is asked for again.</param>
    /// <param name="redeliveredBelow">Messages below may have been delivered by an earlier activation.</param>
    /// <returns>How many messages are missing: none, or the store has not kept them.</returns>
    long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now);
}

/// <summary>Paged messages to be read back.</summary>
/// <param name="Bytes">About how many.</param>
/// <param name="Lane">Of the run of offsets that asks.</param>
/// <param name="IsReturned">They had been delivered, and came back.</param>
internal readonly record struct PageRequest(long First, long End, int Bytes, int Generation, byte Lane = 0, bool IsReturned = false);
