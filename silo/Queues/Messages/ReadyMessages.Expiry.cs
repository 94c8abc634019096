using Granary.Core.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// Messages expire wherever they stand. Of those that expire no sooner than all before them the first is looked at, and nothing is kept: when the time of such a
/// message has come, nothing is before it any more. All others are in <see cref="EarlyExpiries"/>.
/// </summary>
internal sealed partial class ReadyMessages
{
    private readonly List<MessageRun> _expired = [];

    /// <summary>Null: as far as is known, each message expires when it is first, or later.</summary>
    private EarlyExpiries? _early;

    /// <summary>Some of <see cref="_early"/>, due, of which the first are in memory and the rest is not: how large that is is seen when it is read. Null: none.</summary>
    private List<TimedRun>? _cut;

    /// <summary>
    /// What expired among those that never came back. Dead letters of it may still be in the store, so that it is read together with what is around it, but is not to be
    /// taken for it. Null: nothing.
    /// </summary>
    private OffsetSet? _gone;

    private bool _mayExpire;

    /// <summary>When the last of those that came expires. A message with an earlier time may not be first when it is due.</summary>
    private long _latest = long.MinValue;

    /// <summary>Something has to be read to know when it expires, or how large it is that has.</summary>
    public bool MayExpireUnseen => _returned.HasUnseen || (_mayExpire && !_paged.IsEmpty && (_backlog.Count == 0 || _cut is not null));

    private long EarlyDue => _early?.NextDue ?? MessageRun.Never;

    private long FrontDue => _backlog.Count > 0 ? _backlog.First.Due : MessageRun.Never;

    /// <summary>The first offset of those that never came back.</summary>
    private long Front =>
        _backlog.RunCount > 0 ? _backlog.First.First : !_paged.IsEmpty ? _paged.First : _tail.RunCount > 0 ? _tail.First.First : long.MaxValue;

    /// <summary>Whether there is a first message in memory that is not overdue; those that are leave on the way, unless they are many.</summary>
    public bool HasFirst(long now)
    {
        for (var left = IReadyMessages.MostTogether; _mayExpire && IsLoaded && First.Due < now; left--)
        {
            if (left == 0)
            {
                return false;
            }

            var first = First;
            _expired.Add(Take(first.Count, first.Length));
        }

        return IsLoaded;
    }

    public bool Expire(long limit)
    {
        for (var left = IReadyMessages.MostTogether; NextDue < limit; left--)
        {
            if (left == 0)
            {
                return false;
            }

            if (FrontDue > EarlyDue && _early!.TryTake(limit, out var early))
            {
                Expire(early);
                continue;
            }

            var first = _backlog.First;
            _expired.Add(TakeFront(first.Count, first.Length));
        }

        return true;
    }

    public MessageRun[] TakeExpired()
    {
        if (_expired.Count == 0)
        {
            return [];
        }

        MessageRun[] expired = [.. _expired];
        _expired.Clear();
        return expired;
    }

    /// <summary>Messages stand behind all others.</summary>
    private void NoteNew(in MessageRun run)
    {
        NoteBodies(run);
        if (run.Due >= _latest)
        {
            _mayExpire |= run.Due != MessageRun.Never;
            _latest = run.Due;
            return;
        }

        _mayExpire = true;
        AddEarly(new TimedRun(run.First, run.Count, run.Due, run.Length, (int)run.BodyLength()));
    }

    /// <summary>What an earlier activation had, of which nothing is in memory.</summary>
    /// <param name="latest">When the last of it expires.</param>
    /// <param name="early">At least those of it that expire sooner than any before them.</param>
    private void NoteEarlier(long latest, IReadOnlyList<TimedRun> early)
    {
        _latest = latest;
        foreach (var run in early)
        {
            AddEarly(run);
        }
    }

    // How large it is matters only for what is not in memory, and may go unread.
    private void AddReturned(in MessageRun run)
    {
        _mayExpire = true;
        AddEarly(TimesOf(run));
    }

    private static TimedRun TimesOf(in MessageRun returned) => new(returned.First, returned.Count, returned.Due, 0, 0);

    private void AddEarly(in TimedRun run)
    {
        _early ??= new EarlyExpiries();
        if (_early.NeedsPruning)
        {
            Prune(_early);
        }

        _early.Add(run);
    }

    /// <summary>Forgets the times of what was taken.</summary>
    private void Prune(EarlyExpiries early)
    {
        var front = Front;
        List<TimedRun> returned = [];
        _returned.ForEach(run =>
        {
            if (run.Due != MessageRun.Never)
            {
                returned.Add(TimesOf(run));
            }
        });
        early.Prune(run => run.End > front || _returned.HasUnseenIn(run.First, run.End), returned);
    }

    private void Expire(in TimedRun early)
    {
        while (_returned.TryTakeAt(early.First, early.End, out var returned))
        {
            ForgetBodies(returned);
            _expired.Add(returned with { Due = early.Due });
        }

        TakeAt(_backlog, early);
        if (!_paged.IsEmpty && early.First < _paged.End && early.End > _paged.First)
        {
            ExpirePaged(early);
        }

        TakeAt(_tail, early);
    }

    private void TakeAt(Backlog backlog, in TimedRun early)
    {
        while (backlog.TryTakeAt(early.First, early.End, out var run))
        {
            ForgetBodies(run);
            _handed?.Remove(run.First, run.End, removed: null);
            NeedsTidy = true;
            NoteGone(run.First, run.End);
            _expired.Add(run);
        }
    }

    private void ExpirePaged(in TimedRun early)
    {
        if (IsAmongOthers)
        {
            while (_paged.TryRemove(early, out var first, out var end))
            {
                AddPaged(first, end, early.Due);
            }
        }
        else if (early.First < _paged.First)
        {
            (_cut ??= []).Add(early);
        }
        else if (_gone?.Touches(early.First, early.End) != true)
        {
            _paged.Remove(early);
            NoteGone(early.First, early.End);
            AddPaged(early.First, early.End, early.Due);
        }

        if (_paged.IsEmpty)
        {
            // What is being read back has expired.
            _generation++;
            _paged = default;
            JoinTail();
        }
    }

    private void AddPaged(long first, long end, long due) =>
        _expired.Add(new MessageRun(default, first, (int)(end - first), Redelivered: true, MessageFlags.Persistent, Since: 0, due, Lane: Lane));

    private void NoteGone(long first, long end)
    {
        _gone ??= new OffsetSet();
        _gone.Add(first, end);
        _gone.Remove(long.MinValue, Front, removed: null);
    }

    /// <summary>Those of a range that have not expired.</summary>
    private void TellPaged(long first, long end, Action<long, long> action)
    {
        if (_gone is not { } gone)
        {
            action(first, end);
            return;
        }

        while (gone.TryFindAbsent(first, end, out var from, out first))
        {
            action(from, first);
        }
    }

    /// <summary>What was cut is in memory now, or its rest begins what is not.</summary>
    private void PutBackCut()
    {
        foreach (var run in _cut ?? [])
        {
            AddEarly(run);
        }

        _cut = null;
    }

    private void ForgetTimes()
    {
        _early?.Clear();
        (_mayExpire, _latest, _cut, _gone) = (false, long.MinValue, null, null);
    }
}
