using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>
/// Which messages may be delivered. After a crash a message that may have been seen has to be told from one that was not, so the store knows an offset below
/// which all may have been delivered, before they are. What is published and delivered in one turn is written with that knowledge; the rest waits for it,
/// under load only the first time: the bound moves ahead of the deliveries then, and is set back when it is quiet.
/// </summary>
/// <param name="journal">Null where nothing survives a crash.</param>
/// <param name="pages">What forgets messages that are gone: the journal, or what they are only paged out to.</param>
internal sealed class DeliveryBound(QueueJournal? journal, QueueJournal? pages)
{
    /// <summary>No messages further ahead than these are marked without need.</summary>
    private const int MostAhead = 16 * 1024;

    private const int FirstAhead = 16;

    /// <summary>How long nothing was held until it counts as quiet, in milliseconds.</summary>
    private const long Quiet = 1_000;

    private long _delivered = journal?.DeliveredBound ?? 0;
    private long _freshFrom = long.MaxValue;
    private long _heldAt = -Quiet;
    private int _ahead;

    // What the store knew when this turn looked first. A flush may be through at any moment: whoever saw a message held must find it held to the end
    // of the turn, or nobody would wait for it.
    private long? _seen;

    /// <summary>What the store is to know.</summary>
    public long Wanted { get; private set; } = journal?.DeliveredBound ?? 0;

    /// <summary>The bound is ahead of what was delivered.</summary>
    public bool NeedsTick => _ahead > 0;

    /// <summary>How many of the messages at the start of a run may be delivered now.</summary>
    public int Allowed(in MessageRun run) =>
        journal is null || !run.IsPersistent || run.First >= _freshFrom
            ? run.Count
            : (int)Math.Clamp((_seen ??= journal.DeliveredBound) - run.First, 0, run.Count);

    public void BeginTurn(long nextOffset) => _freshFrom = Math.Min(_freshFrom, nextOffset);

    /// <summary>They are given out.</summary>
    /// <param name="isSettled">And done with, because nobody will acknowledge them.</param>
    public void Deliver(in MessageRun run, bool isSettled)
    {
        if (isSettled)
        {
            pages?.Settle(run.First, run.End);
        }

        if (journal is not null && run.IsPersistent)
        {
            _delivered = Math.Max(_delivered, run.End);
        }
    }

    /// <summary>Says how far the store should know.</summary>
    /// <param name="heldEnd">The end of what could have been delivered but for the bound, or null.</param>
    public void EndTurn(long? heldEnd, long now)
    {
        _freshFrom = long.MaxValue;
        _seen = null;
        if (heldEnd is { } end)
        {
            _ahead = now - _heldAt < Quiet ? Math.Clamp(_ahead * 2, FirstAhead, MostAhead) : 0;
            _heldAt = now;
            Wanted = Math.Max(Wanted, end + _ahead);
        }

        Wanted = Math.Max(Wanted, _delivered + (_ahead > 0 && _delivered + (_ahead / 2) > Wanted ? _ahead : 0));
    }

    /// <summary>When it is quiet the bound goes back to what was really delivered.</summary>
    public void Tick(long now)
    {
        if (_ahead > 0 && now - _heldAt >= Quiet)
        {
            _ahead = 0;
            Wanted = _delivered;
        }
    }

    /// <summary>Nothing will be delivered any more, and turns that still come move nothing ahead.</summary>
    public void Close()
    {
        _ahead = 0;
        Wanted = _delivered;
    }
}
