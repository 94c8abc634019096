using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>
/// Which messages of a queue wait for the next flush, are in the one that runs, or are stored. What is settled before it was written leaves without a trace;
/// of all else the settlement waits for the next flush. Copies are messages that nobody waits for: what is paged out, or rewritten. Under the gate.
/// </summary>
internal sealed class JournaledMessages
{
    private readonly UnwrittenRuns _pending = new();
    private readonly UnwrittenRuns _pendingCopies = new();
    private readonly UnwrittenRuns _flushing = new();
    private readonly UnwrittenRuns _flushingCopies = new();
    private readonly OffsetSet _stored = new();
    private readonly OffsetSet _settled = new();
    private readonly Action<long, long> _noteSettled;

    // What was settled together with something that has to be in the same flush.
    private readonly OffsetSet _joined = new();
    private readonly Action<long, long> _noteJoined;

    // Of what the flush that runs settles, what was settled apart from anything else.
    private readonly OffsetSet _flushingApart = new();

    // All that the flush writes: held until it is through, though some of it may be settled meanwhile.
    private List<MessageRun> _writing = [];

    public JournaledMessages(StoredBacklog backlog)
    {
        _noteSettled = _settled.Add;
        _noteJoined = _joined.Add;
        if (backlog.Count > 0)
        {
            _stored.Add(backlog.First, backlog.NextOffset);
        }
    }

    /// <summary>The store has none of them, and none waits for it.</summary>
    public bool IsEmpty => _stored.IsEmpty && !HasRuns && !HasCopies && !HasSettled;

    /// <summary>Messages wait for the next flush, and their publishers for them.</summary>
    public bool HasRuns => !_pending.IsEmpty;

    public bool HasCopies => !_pendingCopies.IsEmpty;

    /// <summary>The flush that runs writes copies that are not settled meanwhile.</summary>
    public bool IsWritingCopies => !_flushingCopies.IsEmpty;

    public bool HasSettled => !_settled.IsEmpty || !_joined.IsEmpty;

    /// <summary>The first message that publishers wait for; <see cref="long.MaxValue"/> if there is none.</summary>
    public long First => Math.Min(_flushing.First, _pending.First);

    /// <summary>What <see cref="First"/> is when the flush that runs is through.</summary>
    public long FirstAfterFlush => _pending.First;

    /// <summary>The first message or copy on its way; <see cref="long.MaxValue"/> if there is none.</summary>
    public long FirstOfAll => Math.Min(First, Math.Min(_flushingCopies.First, _pendingCopies.First));

    public void Add(in MessageRun run) => _pending.Add(run);

    public void AddCopy(in MessageRun run) => _pendingCopies.Add(run);

    /// <summary>The messages from <paramref name="first"/> to below <paramref name="end"/> are gone.</summary>
    /// <param name="isApart">Apart from anything else: that may be written by itself.</param>
    public void Settle(long first, long end, bool isApart)
    {
        _pending.Remove(first, end);
        _pendingCopies.Remove(first, end);
        _flushing.Remove(first, end);
        _flushingCopies.Remove(first, end);
        if (!_stored.IsEmpty)
        {
            _stored.Remove(first, end, isApart ? _noteSettled : _noteJoined);
        }
    }

    /// <summary>How much of them was added and is not settled. What is on its way for the first time is a part.</summary>
    public Holding Has(long first, long end) =>
        _stored.Covers(first, end) ? Holding.All
        : _stored.Touches(first, end) || _pending.Touches(first, end) || _pendingCopies.Touches(first, end) ? Holding.Part
        : Holding.None;

    /// <summary>A flush begins: it writes all that waits, which counts as stored from now on, for its settlement has to be written, too.</summary>
    public void Take(QueueChanges changes)
    {
        TakeRuns(changes.Runs);
        _writing = changes.Runs;
        foreach (var run in _writing)
        {
            LargeRecord.Hold(run.Records);
        }

        _settled.Remove(
            long.MinValue,
            long.MaxValue,
            (first, end) =>
            {
                AddRange(changes.Settled, first, end);
                _flushingApart.Add(first, end);
            });
        if (_joined.IsEmpty)
        {
            return;
        }

        var areBoth = changes.Settled.Count > 0;
        _joined.Remove(long.MinValue, long.MaxValue, (first, end) => AddRange(changes.Settled, first, end));
        if (areBoth)
        {
            changes.Settled.Sort(static (left, right) => left.First.CompareTo(right.First));
        }
    }

    /// <summary>
    /// Takes out what was settled apart from anything else, to be written ahead of the flush that runs. What that flush settles itself it settles again, and what it writes has to be settled
    /// behind it.
    /// </summary>
    public void TakeSettled(List<OffsetRange> settled)
    {
        if (!_settled.IsEmpty)
        {
            foreach (var run in _writing)
            {
                _settled.Remove(run.First, run.End, _noteJoined);
            }
        }

        _flushingApart.Remove(long.MinValue, long.MaxValue, _noteSettled);
        _settled.Remove(long.MinValue, long.MaxValue, (first, end) => AddRange(settled, first, end));
    }

    /// <summary>It could not be written.</summary>
    public void GiveBack(List<OffsetRange> settled)
    {
        foreach (var range in settled)
        {
            _settled.Add(range.First, range.End);
        }
    }

    /// <summary>The flush is through.</summary>
    public void Complete()
    {
        _flushing.Clear();
        _flushingCopies.Clear();
        _flushingApart.Clear();
        foreach (var run in _writing)
        {
            LargeRecord.LetGo(run.Records);
        }

        _writing = [];
    }

    /// <summary>Runs and copies in one ascending list that names each message once: a copy of what is not written yet stands for it.</summary>
    private void TakeRuns(List<MessageRun> runs)
    {
        _pendingCopies.CopyTo(runs);
        var copies = runs.Count;
        foreach (var copy in runs)
        {
            _stored.Add(copy.First, copy.End);
            _flushingCopies.Add(copy);
        }

        _pending.CopyTo(runs);
        for (var i = copies; i < runs.Count; i++)
        {
            _stored.Add(runs[i].First, runs[i].End);
            _flushing.Add(runs[i]);
        }

        if (copies > 0 && runs.Count > copies)
        {
            runs.RemoveRange(copies, runs.Count - copies);
            for (var i = 0; i < copies; i++)
            {
                _pending.Remove(runs[i].First, runs[i].End);
            }

            _pending.CopyTo(runs);
            runs.Sort(static (left, right) => left.First.CompareTo(right.First));
        }

        _pending.Clear();
        _pendingCopies.Clear();
    }

    private static void AddRange(List<OffsetRange> ranges, long first, long end)
    {
        for (; first < end; first += int.MaxValue)
        {
            ranges.Add(new OffsetRange(first, (int)Math.Min(end - first, int.MaxValue)));
        }
    }
}

/// <summary>How much of some messages a journal has.</summary>
internal enum Holding
{
    None,
    Part,
    All,
}
