namespace Granary.Silo.Queues.Messages;

/// <summary>
/// Messages that can be taken in the order of their offsets: what came back first, then the backlog. Of a long backlog only the head and what came last are in
/// memory; what is between is in the store and is read back ahead of need (see the other part of this class).
/// </summary>
/// <param name="countsBodies">See <see cref="CountBodies"/>.</param>
/// <param name="lane">The priority of all of them. Null: they are all that the queue has, whatever their priority.</param>
internal sealed partial class ReadyMessages(bool countsBodies, byte? lane = null) : IReadyMessages
{
    private readonly ReturnedMessages _returned = new();
    private readonly Backlog _backlog = new();
    private TidyScan _scan;
    private bool _countsBodies = countsBodies;
    private long _loadedBodies;
    private bool _scanNeeded;

    /// <summary>The priority of all of them, if it matters.</summary>
    public byte Lane => lane.GetValueOrDefault();

    /// <summary>There are messages of other priorities, with offsets among those of these.</summary>
    public bool IsAmongOthers => lane is not null;

    public long Count => _returned.Count + _backlog.Count + _paged.Count + _tail.Count;

    public long Bytes => MemoryBytes + _paged.Bytes + _returned.Unread.Bytes;

    public long MemoryBytes => _returned.Bytes + _backlog.Bytes + _tail.Bytes;

    public long BodyBytes => _countsBodies ? _loadedBodies + _paged.Bodies + _returned.Unread.Bodies : 0;

    public bool IsEmpty => Count == 0;

    public long FirstOffset => Math.Min(
        _returned.IsEmpty ? long.MaxValue : _returned.First.First,
        _backlog.RunCount > 0 ? _backlog.First.First : !_paged.IsEmpty ? _paged.First : _tail.RunCount > 0 ? _tail.First.First : long.MaxValue);

    /// <summary>There is a first message, and it is in memory.</summary>
    public bool IsLoaded => _returned.IsEmpty ? _backlog.Count > 0 : _returned.First.IsLoaded;

    /// <summary>The next messages to be taken that follow each other. Only if <see cref="IsLoaded"/>.</summary>
    public MessageRun First => _returned.IsEmpty ? _backlog.First : _returned.First;

    public ReadyMessages Top => this;

    public IReadOnlyList<ReadyMessages> Lanes => [this];

    public long NextDue => _mayExpire ? Math.Min(FrontDue, EarlyDue) : MessageRun.Never;

    public bool NeedsTidy { get; private set; }

    public void Append(in MessageRun run)
    {
        NoteNew(run);
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
        NoteBodies(run);
        if (run.Due != MessageRun.Never)
        {
            AddReturned(run);
        }

        _returned.Add(run);
        _scanNeeded = true;
        NeedsTidy = true;
    }

    /// <summary>Takes the first <paramref name="count"/> messages of <see cref="First"/>, which take <paramref name="length"/> bytes.</summary>
    public MessageRun Take(int count, int length)
    {
        if (_returned.IsEmpty)
        {
            return TakeFront(count, length);
        }

        var taken = _returned.Take(count, length);
        ForgetBodies(taken);
        return taken;
    }

    public void EndTurn()
    {
        _backlog.Settle();
        _tail.Settle();
        if (IsEmpty)
        {
            NeedsTidy = false;
            _handed = null;
            ForgetTimes();
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
            _paged.ForEach((first, end) => TellPaged(first, end, gone));
            Tell(_tail, gone);
        }

        _returned.Clear();
        _backlog.Clear();
        ClearPaged();
        ForgetTimes();
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
            ForEach(backlog, runs.Add);
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

    /// <summary>As the others, those from an offset on. Not to be used beyond the turn.</summary>
    public IEnumerable<(MessageRun Run, long End)> From(long offset)
    {
        foreach (var run in _returned.From(offset).Concat(_backlog.From(offset)))
        {
            yield return (run, run.End);
        }

        foreach (var (first, end) in _paged.From(offset))
        {
            for (var at = first; at < end;)
            {
                var (from, to) = (at, end);
                if (_gone?.TryFindAbsent(at, end, out from, out to) == false)
                {
                    break;
                }

                yield return (new MessageRun(default, from, Count: 0, Redelivered: false, Core.Messages.MessageFlags.Persistent, Since: 0), to);
                at = to;
            }
        }

        foreach (var run in _tail.From(offset))
        {
            yield return (run, run.End);
        }
    }

    private static void AddAll(Backlog backlog, List<(MessageRun Run, long End)> runs) => ForEach(backlog, run => runs.Add((run, run.End)));

    private static void Tell(Backlog backlog, Action<long, long> gone) => ForEach(backlog, run => gone(run.First, run.End));

    private static void ForEach(Backlog backlog, Action<MessageRun> action)
    {
        for (var i = 0; i < backlog.RunCount; i++)
        {
            if (backlog[i].IsLoaded)
            {
                action(backlog[i]);
            }
        }
    }

    /// <summary>As <see cref="Take"/>, of what never came back.</summary>
    private MessageRun TakeFront(int count, int length)
    {
        NeedsTidy = true;
        var taken = _backlog.Take(count, length);
        ForgetBodies(taken);
        return taken;
    }

    private void NoteBodies(in MessageRun run)
    {
        if (_countsBodies)
        {
            _loadedBodies += run.BodyLength();
        }
    }

    private void ForgetBodies(in MessageRun run)
    {
        if (_countsBodies)
        {
            _loadedBodies -= run.BodyLength();
        }
    }
}
