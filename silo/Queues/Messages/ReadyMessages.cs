namespace Granary.Silo.Queues.Messages;

/// <summary>
/// Messages that can be taken in the order of their offsets: what came back first, then the backlog. Of a long backlog only the head and what came last are in
/// memory; what is between is in the store and is read back ahead of need (see the other part of this class).
/// </summary>
/// <param name="countsBodies">See <see cref="CountBodies"/>.</param>
/// <param name="lane">The priority of all of them. Null: they are all that the queue has, whatever their priority.</param>
internal sealed partial class ReadyMessages(bool countsBodies, byte? lane = null) : IReadyMessages
{
    private readonly List<MessageRun> _expired = [];
    private readonly ReturnedMessages _returned = new();
    private readonly Backlog _backlog = new();
    private TidyScan _scan;
    private bool _countsBodies = countsBodies;
    private long _loadedBodies;
    private bool _scanNeeded;
    private bool _mayExpire;

    /// <summary>The priority of all of them, if it matters.</summary>
    public byte Lane => lane.GetValueOrDefault();

    /// <summary>There are messages of other priorities, with offsets among those of these.</summary>
    public bool IsAmongOthers => lane is not null;

    public long Count => _returned.Count + _backlog.Count + _paged.Count + _tail.Count;

    public long Bytes => MemoryBytes + _paged.Bytes;

    public long MemoryBytes => _returned.Bytes + _backlog.Bytes + _tail.Bytes;

    public long BodyBytes => _countsBodies ? _loadedBodies + _paged.Bodies : 0;

    public bool IsEmpty => Count == 0;

    public long FirstOffset => Math.Min(
        _returned.IsEmpty ? long.MaxValue : _returned.First.First,
        _backlog.RunCount > 0 ? _backlog.First.First : !_paged.IsEmpty ? _paged.First : _tail.RunCount > 0 ? _tail.First.First : long.MaxValue);

    /// <summary>There is a first message, and it is in memory.</summary>
    public bool IsLoaded => _returned.IsEmpty ? _backlog.Count > 0 : _returned.First.IsLoaded;

    /// <summary>The next messages to be taken that follow each other. Only if <see cref="IsLoaded"/>, or to look when they expire.</summary>
    public MessageRun First => _returned.IsEmpty ? _backlog.First : _returned.First;

    public ReadyMessages Top => this;

    public IReadOnlyList<ReadyMessages> Lanes => [this];

    public long NextDue => _mayExpire && (!_returned.IsEmpty || _backlog.Count > 0) ? First.Due : MessageRun.Never;

    public bool NeedsTidy { get; private set; }

    public void Append(in MessageRun run)
    {
        NoteComing(run);
        (_paged.IsEmpty ? _backlog : _tail).Append(run);
    }

    public void CountBodies(bool isWanted)
    {
        if (isWanted == _countsBodies)
        {
            return;
        }

        _countsBodies = isWanted;
        _loadedBodies = 0;
        if (isWanted)
        {
            List<MessageRun> loaded = [];
            AddLoaded(loaded);
            _loadedBodies = loaded.Sum(static run => run.BodyLength());
        }
    }

    public void Return(in MessageRun run)
    {
        NoteComing(run);
        _returned.Add(run);
        _scanNeeded = true;
        NeedsTidy = true;
    }

    /// <summary>Takes the first <paramref name="count"/> messages of <see cref="First"/>, which take <paramref name="length"/> bytes.</summary>
    public MessageRun Take(int count, int length)
    {
        MessageRun taken;
        if (_returned.IsEmpty)
        {
            NeedsTidy = true;
            taken = _backlog.Take(count, length);
        }
        else
        {
            taken = _returned.Take(count, length);
        }

        if (_countsBodies)
        {
            _loadedBodies -= taken.BodyLength();
        }

        return taken;
    }

    /// <summary>Whether there is a first message in memory that is not overdue; those that are leave on the way.</summary>
    public bool HasFirst(long now)
    {
        if (_mayExpire)
        {
            Expire(now);
        }

        return IsLoaded;
    }

    public void Expire(long limit)
    {
        while (NextDue < limit)
        {
            var first = First;
            _expired.Add(Take(first.Count, first.Length));
        }
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

    public void EndTurn()
    {
        _backlog.Settle();
        _tail.Settle();
        if (IsEmpty)
        {
            NeedsTidy = false;
            _mayExpire = false;
            _handed = null;
        }
    }

    public void Tidy(long now)
    {
        var needed = _backlog.Tidy(now);
        if (_scanNeeded)
        {
            _scan.BeginStep();
            _scanNeeded = _returned.Tidy(now, ref _scan);
        }

        NeedsTidy = needed || _scanNeeded;
    }

    public long Clear(Action<long, long>? gone)
    {
        var count = Count;
        if (gone is not null)
        {
            _returned.ForEach(run => gone(run.First, run.End));
            Tell(_backlog, gone);
            _paged.ForEach(gone);

            Tell(_tail, gone);
        }

        _returned.Clear();
        _backlog.Clear();
        ClearPaged();
        NeedsTidy = false;
        _loadedBodies = 0;
        return count;
    }

    public void AddLoaded(List<MessageRun> runs)
    {
        _returned.ForEach(run =>
        {
            if (run.IsLoaded)
            {
                runs.Add(run);
            }
        });
        foreach (var backlog in new[] { _backlog, _tail })
        {
            for (var i = 0; i < backlog.RunCount; i++)
            {
                runs.Add(backlog[i]);
            }
        }
    }

    /// <summary>
    /// Adds all, in their order, each run with the offset after it. Those that are in the store only are runs without records, which may have holes: of as many offsets as an
    /// activation reserves, which is more than a run can have messages.
    /// </summary>
    public void AddAll(List<(MessageRun Run, long End)> runs)
    {
        _returned.ForEach(run => runs.Add((run, run.End)));
        AddAll(_backlog, runs);
        _paged.ForEach((first, end) => runs.Add((new MessageRun(default, first, Count: 0, Redelivered: true, Core.Messages.MessageFlags.Persistent, Since: 0), end)));
        AddAll(_tail, runs);
    }

    private static void AddAll(Backlog backlog, List<(MessageRun Run, long End)> runs)
    {
        for (var i = 0; i < backlog.RunCount; i++)
        {
            runs.Add((backlog[i], backlog[i].End));
        }
    }

    private static void Tell(Backlog backlog, Action<long, long> gone)
    {
        for (var i = 0; i < backlog.RunCount; i++)
        {
            gone(backlog[i].First, backlog[i].End);
        }
    }

    private void NoteComing(in MessageRun run)
    {
        _mayExpire |= run.Due != MessageRun.Never;
        if (_countsBodies)
        {
            _loadedBodies += run.BodyLength();
        }
    }
}
