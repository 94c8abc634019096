using Granary.Core.Links;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Queues;

/// <summary>
/// The time between the start of an activation and its first delivery: sessions that had something of the queue say what they still hold, and the rest is
/// anybody's. Until then what else they say waits, in its order.
/// </summary>
/// <param name="awaited">Sessions that are known to have held something.</param>
/// <param name="until">When those that have not come are given up, on the queue's clock.</param>
internal sealed class Recovery(IEnumerable<SessionId> awaited, long until)
{
    /// <summary>How long the sessions of an activation that was lost are waited for, in milliseconds.</summary>
    public const long Patience = 3_000;

    /// <summary>
    /// How long those of other processes are, in milliseconds: a member that hangs is declared dead sooner, and its sessions are not waited for then.
    /// </summary>
    public const long PatienceInCluster = 10_000;

    private const long MostWaitingBytes = 4 * 1024 * 1024;

    private readonly HashSet<SessionId> _awaited = [.. awaited];
    private readonly List<Hold> _holds = [];
    private readonly List<MessageRun> _aside = [];
    private readonly Queue<(QueueLink Link, LinkUpItem Item)> _deferred = new();

    /// <summary>How many of the holds were looked for in each run of offsets.</summary>
    private readonly Dictionary<ReadyMessages, int> _walked = [];

    /// <summary>Transactions that take effect, each with a link of its own that holds what it settles.</summary>
    private readonly List<(PreparedPart Part, QueueLink Link)> _committed = [];

    /// <summary>Messages that are to be delivered again later than now, each with its time: nobody holds these, whoever says so.</summary>
    private IReadOnlyList<(long Offset, long Due)> _setAside = [];

    private readonly List<(MessageRun Run, long Due)> _waiting = [];
    private long _waitingBytes;
    private bool _isSorted;

    /// <summary>When it goes on by itself, or <see cref="MessageRun.Never"/>.</summary>
    public long Due => _awaited.Count > 0 ? until : MessageRun.Never;

    /// <summary>Those that have not come yet, and those that have said what they hold, which is not theirs again before all have.</summary>
    public IReadOnlyCollection<SessionId> Awaited =>
        [.. _awaited, .. _holds.Where(static hold => hold.Link is { Opener: not null, HasEnded: false }).Select(static hold => hold.Link!.Session).Distinct()];

    public void Open(SessionId session) => _awaited.Remove(session);

    public void Add(QueueLink link, HoldItem item)
    {
        foreach (var range in item.Offsets)
        {
            _holds.Add(new Hold(range.First, range.End, link, item.Consumer));
        }
    }

    /// <summary>What an earlier activation was prepared for takes effect before anything else.</summary>
    public void Add(PreparedPart part)
    {
        var link = new QueueLink(default, 0, []);
        _committed.Add((part, link));
        foreach (var settle in part.Part.Settlements)
        {
            Add(link, new HoldItem(0, settle.Offsets));
        }
    }

    public IReadOnlyList<(PreparedPart Part, QueueLink Link)> Committed => _committed;

    /// <summary>Messages that came back to an earlier activation, and have to wait.</summary>
    /// <param name="waiting">By their offsets, in their order.</param>
    public void SetAside(IReadOnlyList<(long Offset, long Due)> waiting) => _setAside = waiting;

    /// <summary>What was found of those that have to wait.</summary>
    public IReadOnlyList<(MessageRun Run, long Due)> Waiting => _waiting;

    public void Defer(QueueLink link, LinkUpItem item) => _deferred.Enqueue((link, item));

    public bool TryTakeDeferred(out QueueLink link, out LinkUpItem item)
    {
        var isThere = _deferred.TryDequeue(out var next);
        (link, item) = next;
        return isThere;
    }

    /// <summary>
    /// Gives those who hold something what the store has of it. False while sessions are waited for, or messages have to be read back: it is to be called again.
    /// </summary>
    /// <param name="held">Told the link and the consumer of each link that holds messages.</param>
    public bool TryFinish(IReadyMessages ready, long now, Action<QueueLink> held)
    {
        if (_awaited.Count > 0 && now < until)
        {
            return false;
        }

        if (!_isSorted)
        {
            CutOutWaiting();
            CutOutGivenOn();
            _holds.Sort(static (left, right) => left.First.CompareTo(right.First));
            _isSorted = true;
        }

        foreach (var lane in ready.Lanes)
        {
            if (!TryFinish(lane, now, held))
            {
                return false;
            }
        }

        foreach (var run in _aside)
        {
            ready.Return(run);
        }

        _aside.Clear();
        return true;
    }

    private bool TryFinish(ReadyMessages lane, long now, Action<QueueLink> held)
    {
        _walked.TryGetValue(lane, out var next);
        if (next == 0 && lane.IsAmongOthers)
        {
            // What is known to be there need not be read for that.
            foreach (var hold in _holds)
            {
                while (lane.TryTakePaged(hold.First, hold.End, out var paged))
                {
                    Give(paged with { Since = now }, hold, held);
                }
            }
        }

        while (next < _holds.Count && lane.IsLoaded)
        {
            next += Advance(lane, _holds[next], now, held) ? 1 : 0;
        }

        next = lane.IsEmpty || lane.IsAmongOthers ? _holds.Count : next;
        _walked[lane] = next;
        return next == _holds.Count;
    }

    // A session that says what it has given back, as it has not heard that this is stored, still counts it as held.
    private void CutOutWaiting()
    {
        if (_setAside.Count == 0)
        {
            return;
        }

        Hold[] all = [.. _holds];
        _holds.Clear();
        foreach (var hold in all)
        {
            var at = hold.First;
            for (var i = FirstFrom(at); i < _setAside.Count && _setAside[i].Offset < hold.End; i++)
            {
                AddPart(hold, at, _setAside[i].Offset);
                at = _setAside[i].Offset + 1;
            }

            AddPart(hold, at, hold.End);
        }

        _holds.AddRange(_setAside.Select(static waiting => new Hold(waiting.Offset, waiting.Offset + 1, null, 0, waiting.Due)));
    }

    // What a session has given back another one may have been given since: it is that one's. The one that gave it back need not have heard that the queue took it.
    // And what a session says over a link that it has given up since it says once more over the one that follows.
    private void CutOutGivenOn()
    {
        var givenBack = new Dictionary<QueueLink, OffsetSet>();
        foreach (var (link, item) in _deferred)
        {
            if (item is SettleItem { Outcome: Settlement.Requeue or Settlement.Undelivered or Settlement.Failed } settle)
            {
                givenBack.TryAdd(link, new OffsetSet());
                Array.ForEach(settle.Offsets, range => givenBack[link].Add(range.First, range.End));
            }
        }

        Hold[] given = [.. _holds.Where(hold => IsGivenOn(hold))];
        if (given.Length == 0)
        {
            return;
        }

        _holds.RemoveAll(IsGivenOn);
        var held = new OffsetSet();
        _holds.ForEach(hold => held.Add(hold.First, hold.End));
        foreach (var hold in given)
        {
            for (var at = hold.First; held.TryFindAbsent(at, hold.End, out var first, out var end); at = end)
            {
                AddPart(hold, first, end);
            }
        }

        bool IsGivenOn(Hold hold) => hold.Link is { HasEnded: true }
            || (hold is { Link: { } link, Consumer: 0 } && givenBack.TryGetValue(link, out var offsets) && offsets.Covers(hold.First, hold.End));
    }

    private void AddPart(in Hold hold, long from, long end)
    {
        if (from < end)
        {
            _holds.Add(hold with { First = from, End = end });
        }
    }

    private int FirstFrom(long offset)
    {
        int low = 0, high = _setAside.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = _setAside[middle].Offset < offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    // One step: the first message is held, or stands before what is held, or what is held is gone. Says whether the last is so.
    private bool Advance(ReadyMessages lane, in Hold hold, long now, Action<QueueLink> held)
    {
        var run = lane.First;
        if (hold.End <= run.First)
        {
            return true;
        }

        var isHeld = hold.First <= run.First;
        var count = (int)(Math.Min(run.End, isHeld ? hold.End : hold.First) - run.First);
        var taken = lane.Take(count, count == run.Count ? run.Length : run.LengthOf(count)) with { Redelivered = true, Since = now };
        if (isHeld)
        {
            Give(taken, hold, held);
        }
        else
        {
            _aside.Add(taken with { Redelivered = run.Redelivered });
        }

        return false;
    }

    private void Give(in MessageRun run, in Hold hold, Action<QueueLink> held)
    {
        if (hold.Link is null)
        {
            // Of many the store has the records, and they are not needed yet.
            _waitingBytes += run.Length;
            _waiting.Add((_waitingBytes > MostWaitingBytes ? run.LetGoUnread() : run, hold.Due));
            return;
        }

        if (hold.Link.HasEnded)
        {
            _aside.Add(run);
            return;
        }

        var consumer = hold.Link.Consumers.GetValueOrDefault(hold.Consumer);
        consumer?.Hold(run.Count);
        hold.Link.Unacked.Add(run, consumer);
        held(hold.Link);
    }

    /// <param name="Link">Null: nobody holds it, but it has to wait until <paramref name="Due"/>.</param>
    private readonly record struct Hold(long First, long End, QueueLink? Link, int Consumer, long Due = 0);
}
