using System.Runtime.InteropServices;
using Granary.Core.Links;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>What of a queue is in the store, and what of it is in memory.</summary>
/// <param name="Journal">Where it is written.</param>
/// <param name="IsDurable">Persistent messages survive. If not, the journal is for paging only.</param>
internal sealed record QueueStorage(QueueJournal Journal, bool IsDurable, MemoryBudget Budget)
{
    /// <summary>Which of its messages have which priority, of a queue that has any and where that matters.</summary>
    public StoredPriorities? Priorities { get; init; }

    public StoredBacklog Backlog => Journal.Queue.Backlog;

    public QueueJournal? Durable => IsDurable ? Journal : null;
}

internal sealed partial class Queue
{
    private readonly List<MessageRun> _copies = [];
    private readonly UnackedMemory _unacked = new();
    private Recovery? _recovery;
    private long _reported;

    /// <summary>The number of the turn that is to end, and through which turn all is stored.</summary>
    public (long Current, long Stored) Turn => _journal is { } journal ? (journal.Turn, journal.StoredTurn) : default;

    /// <inheritdoc cref="Recovery.Awaited"/>
    public IReadOnlyCollection<SessionId> Awaited => _recovery?.Awaited ?? [];

    /// <summary>It gives nothing yet, for sessions of an earlier activation have not said what they hold.</summary>
    public bool IsRecovering => _recovery is not null;

    public bool StoresSessions => _storage is { IsDurable: true };

    /// <summary>Every offset below is stored, or needs no store.</summary>
    public long StoredThrough => _journal is { } journal ? journal.Watermark : _nextOffset;

    public QueueStorage? Storage => _storage;

    /// <summary>Ready messages that are in the store only.</summary>
    public long PagedCount => _ready.PagedCount;

    /// <summary>Record bytes in memory of what was delivered and nobody has settled, where they are counted.</summary>
    public long UnackedMemory => _unacked.Bytes;

    /// <summary>What should be read back from the store now; <see cref="Load"/> has to follow.</summary>
    public PageRequest? NextLoad() => _storage is null ? null : _ready.NextLoad();

    /// <summary>Takes what was read back; null if that failed. To be followed by <see cref="EndTurn"/>.</summary>
    /// <returns>How many messages the store has lost: none, if all is well.</returns>
    public long Load(PageRequest request, MessageRun[]? runs, long now) => _ready.Load(request, runs, _redeliveredBelow, now);

    /// <summary>Dead messages have arrived where they had to go: only now does the store forget them.</summary>
    public void Forget(long first, long end)
    {
        _storage?.Journal.Settle(first, end);
        DeliveryCounts?.Forget(first, end);
        _delayed?.Leave(end - first);
    }

    /// <summary>The activation ends: what is noted ahead of need is set back.</summary>
    public void CloseStorage()
    {
        if (_storage is not null)
        {
            _bound.Close();
            _storage.Journal.EndTurn(_nextOffset, Math.Max(_bound.Wanted, _deliveredEnd), isWaitedFor: false, []);
            ReportMemory(0);
        }
    }

    /// <summary>The activation ends without having ended its turn: what the turn noted is dropped, and what is stored is the next activation's.</summary>
    public void AbandonStorage()
    {
        if (_storage is not null)
        {
            ReportMemory(0);
        }
    }

    /// <summary>The queue is deleted, and all that the store has of it.</summary>
    public void DeleteStorage()
    {
        if (_storage is not null)
        {
            _storage.Journal.Delete();
            _storage.Journal.EndTurn(_nextOffset, _bound.Wanted, isWaitedFor: false, []);
            ReportMemory(0);
        }
    }

    private void Recover(QueueStorage storage)
    {
        var backlog = storage.Backlog;
        _nextOffset = backlog.NextOffset;
        Watermark = _nextOffset;
        if (_delayed is not null)
        {
            _delayed.Recover(backlog.Runs);
        }
        else if (storage.Priorities is { } priorities && _ready is PriorityMessages separate)
        {
            priorities.Recover(separate);
        }
        else if ((_groups?.Rest ?? _ready as ReadyMessages ?? (_ready as PriorityMessages)?.Earlier) is { } ready)
        {
            var paged = PagedMessages.From(backlog.First, backlog.NextOffset, backlog.Count, backlog.Bytes, backlog.Pieces);
            ready.Recover(paged, backlog.BodyBytes, backlog.NextDue != MessageRun.Never, backlog.LastDue, backlog.Runs);
        }

        NoteEarlier(backlog.Sessions);
    }

    /// <summary>Before anything else: the first offset that it gives.</summary>
    public void BeginAt(long offset) => _nextOffset = Watermark = offset;

    /// <summary>Delivers nothing until these have said what they still hold, or a while has passed.</summary>
    public void Await(SessionId[] sessions, long until)
    {
        if (sessions.Length > 0)
        {
            _recovery = new Recovery(sessions, until);
        }
    }

    /// <summary>The session will not come: its member is gone, and what it held is anybody's.</summary>
    public void AwaitNoMore(SessionId session) => _recovery?.Open(session);

    /// <summary>Goes on from what an earlier activation had, if that is still to be done and can be. True if the queue is deleted thereby.</summary>
    public bool Recover(long now)
    {
        if (_recovery is not { } recovery || !recovery.TryFinish(_ready, now, NoteUntidy))
        {
            return false;
        }

        _recovery = null;
        foreach (var (run, due) in recovery.Waiting)
        {
            _retries!.Add(WaitingRetries.Own(run), due);
        }

        foreach (var (part, link) in recovery.Committed)
        {
            CommitAgain(part, link, now);
        }

        if (_groups is { } groups)
        {
            HoldGroups(groups);
        }

        while (recovery.TryTakeDeferred(out var link, out var item))
        {
            if (!link.HasEnded)
            {
                Apply(link, item, now);
            }
        }

        if (_nextSettings is { } settings)
        {
            _nextSettings = null;
            Apply(settings, now);
        }

        return IsDoomed;
    }

    /// <summary>
    /// While sessions of an earlier activation are waited for: what they say of it is taken, and what anybody publishes, unless the queue might have to refuse it.
    /// A consumer that is new waits, whether or not its session is, so that it takes nobody's place. One that comes again says its rank.
    /// </summary>
    private bool IsTakenMeanwhile(LinkUpItem item) => item switch
    {
        HoldItem or AttachItem { Rank: > 0 } => true,
        PublishItem => _limit is null or { Refuses: false },
        _ => false,
    };

    private void StoreTurn(QueueStorage store, long now)
    {
        var limit = store.Budget.Limit;
        if (_ready.MemoryBytes > limit)
        {
            _ready.PageOut(limit, store.Journal.StoredEnd, store.IsDurable, _redeliveredBelow, _copies);
        }

        if (_unacked.Bytes > limit && _groups is null)
        {
            _unacked.LetGo(limit, store.Journal, store.IsDurable, _copies);
        }

        var held = HeldEnd();
        _bound.EndTurn(held, now);
        store.Journal.EndTurn(_nextOffset, _bound.Wanted, held is not null, CollectionsMarshal.AsSpan(_copies));
        _copies.Clear();
        ReportMemory(_ready.MemoryBytes + _unacked.Bytes + (_retries?.MemoryBytes ?? 0));
    }

    /// <summary>The end of what somebody could have had but for the bound of delivery.</summary>
    private long? HeldEnd()
    {
        if (_groups is { } groups)
        {
            return groups.TakeHeld();
        }

        var top = _ready.Top;
        if (_recovery is not null || !top.IsLoaded || _bound.Allowed(top.First) > 0)
        {
            return null;
        }

        var credit = _dispatch.Credit(_ready.Count) + _waitingGets.Count;
        return credit > 0 ? top.First.First + Math.Min(credit, top.Count) : null;
    }

    /// <summary>More comes than can be paged out in time, and all queues together have too much in memory.</summary>
    private bool IsShortOfMemory => _storage is { Budget.IsFull: true } && _ready.MemoryBytes > MemoryBudget.Little;

    private void Answer(QueueLink link, PublishedItem answer) => _answers.Give(link, answer, IsShortOfMemory);

    private void ReportMemory(long bytes)
    {
        if (bytes != _reported)
        {
            _storage!.Budget.Add(bytes - _reported);
            _reported = bytes;
        }
    }
}
