namespace Granary.Silo.Queues.Messages;

/// <summary>
/// Messages that are not due: nobody is given them, and they leave in the order of their times, as if they expired. They are kept by steps of a second; those of the
/// step whose time has come are sorted. Offsets, and what the store has, are those of any queue.
/// </summary>
/// <remarks>What is not in memory when it is due is read where it is sent on (<see cref="DeadLetters.WaitingDead"/>): nothing is read back here.</remarks>
/// <param name="isPaced"><see cref="Leave"/> is told when messages are gone that were due: so many are under way at a time and no more.</param>
internal sealed partial class DelayedMessages(bool isPaced) : IReadyMessages
{
    private const int StepBits = 10;
    private const long MostUnderWay = 16 * 1024;

    /// <summary>When something keeps messages that are due from leaving, it is looked at again after so many milliseconds if nobody says that it is over.</summary>
    private const long LookAgainAfter = 1_000;

    /// <summary>In milliseconds: when messages have just left, those that are due next leave together, for each time that any do costs about as much as many of them.</summary>
    private const long GathersFor = 4;

    private readonly ReadyMessages _none = new(countsBodies: false);
    private readonly PriorityQueue<MessageRun, (long Due, long First)> _soon = new();
    private readonly SortedDictionary<long, DelayStep> _steps = [];
    private readonly SortedSet<long> _loadedSteps = [];
    private readonly List<MessageRun> _due = [];

    // What is due before is in _soon, what is due later in a step.
    private long _soonEnd = long.MinValue;
    private long _firstStep = long.MaxValue;
    private long _underWay;
    private long _lookedAt = long.MinValue / 2;

    // Until then those that are due gather.
    private long _gathersUntil = long.MinValue;

    public long Count { get; private set; }

    public long Bytes { get; private set; }

    public long MemoryBytes { get; private set; }

    public long BodyBytes => 0;

    public long PagedCount { get; private set; }

    public bool IsEmpty => Count == 0;

    /// <summary>None of them waits for a consumer.</summary>
    public long FirstOffset => long.MaxValue;

    public bool NeedsTidy => false;

    public long NextDue
    {
        get
        {
            var due = FirstDue;
            return due == MessageRun.Never ? due : Math.Max(due, IsHeld ? _lookedAt + LookAgainAfter : _gathersUntil);
        }
    }

    /// <summary>Empty, as nobody is given anything.</summary>
    public ReadyMessages Top => _none;

    public IReadOnlyList<ReadyMessages> Lanes => [];

    private long FirstDue => Math.Min(
        _soon.TryPeek(out _, out var soon) ? soon.Due : MessageRun.Never,
        _firstStep == long.MaxValue ? MessageRun.Never : _steps[_firstStep].NextDue);

    /// <summary>What is due cannot leave yet.</summary>
    private bool IsHeld => _underWay >= MostUnderWay;

    public void CountBodies(bool isWanted)
    {
    }

    public void Append(in MessageRun run) => Add(run, run.Length);

    public void Return(in MessageRun run) => Add(run, run.Length);

    public void AppendBack(in MessageRun run, long redeliveredBelow) => Add(run, run.Length);

    /// <summary>Messages that were due, and taken, have arrived where they go.</summary>
    public void Leave(long count)
    {
        if (isPaced)
        {
            _underWay -= count;
        }
    }

    public bool Expire(long limit)
    {
        _lookedAt = Math.Max(_lookedAt, limit);
        if (IsHeld || limit <= _gathersUntil)
        {
            return true;
        }

        var before = _due.Count;
        while (_firstStep != long.MaxValue && _firstStep << StepBits < limit)
        {
            BringStep();
        }

        while (_soon.TryPeek(out var run, out var next) && next.Due < limit && !IsHeld)
        {
            _soon.Dequeue();
            Subtract(run, run.Length);
            _underWay += isPaced ? run.Count : 0;
            _due.Add(run);
        }

        // What was kept from leaving goes as soon as it can.
        if (_due.Count > before && !IsHeld)
        {
            _gathersUntil = limit - 1 + GathersFor;
        }

        return true;
    }

    public MessageRun[] TakeExpired()
    {
        if (_due.Count == 0)
        {
            return [];
        }

        MessageRun[] due = [.. _due];
        _due.Clear();
        return due;
    }

    public void EndTurn()
    {
    }

    public void Tidy(long now)
    {
    }

    public long Clear(Action<long, long>? gone)
    {
        var count = Count;
        if (gone is not null)
        {
            foreach (var (run, _) in _soon.UnorderedItems)
            {
                gone(run.First, run.End);
            }

            foreach (var step in _steps.Values)
            {
                step.ForEach((run, _) => gone(run.First, run.End));
            }
        }

        _soon.Clear();
        _steps.Clear();
        _loadedSteps.Clear();
        _firstStep = long.MaxValue;
        (Count, Bytes, MemoryBytes, PagedCount) = (0, 0, 0, 0);
        return count;
    }

    public void AddLoaded(List<MessageRun> runs)
    {
        runs.AddRange(_soon.UnorderedItems.Where(static item => item.Element.IsLoaded).Select(static item => item.Element));
        foreach (var step in _loadedSteps)
        {
            _steps[step].ForEach((run, _) =>
            {
                if (run.IsLoaded)
                {
                    runs.Add(run);
                }
            });
        }
    }

    /// <summary>The next messages to be due, one by one, in that order. What is in the store only has no records.</summary>
    /// <param name="after">Of the one before the first.</param>
    public List<MessageRun> List(DelayedId after, int most)
    {
        List<MessageRun> messages = [];
        List<MessageRun> runs = [.. _soon.UnorderedItems.Select(static item => item.Element)];
        AddSorted(runs, after, most, messages);
        foreach (var (key, step) in _steps)
        {
            if (messages.Count >= most)
            {
                break;
            }

            if (key < after.Due >> StepBits)
            {
                continue;
            }

            runs.Clear();
            step.ForEach((run, _) => runs.Add(run));
            AddSorted(runs, after, most, messages);
        }

        return messages;
    }

    private static void AddSorted(List<MessageRun> runs, DelayedId after, int most, List<MessageRun> messages)
    {
        runs.Sort(static (left, right) => (left.Due, left.First).CompareTo((right.Due, right.First)));
        foreach (var run in runs)
        {
            for (var i = 0; i < run.Count && messages.Count < most; i++)
            {
                if ((run.Due, run.First + i).CompareTo((after.Due, after.Offset)) > 0)
                {
                    messages.Add(run.IsLoaded ? run.Part(i, i + 1) : run with { First = run.First + i, Count = 1 });
                }
            }
        }
    }

    /// <summary>Takes one message out; false: there is none with this offset that is due then.</summary>
    public bool TryRemove(DelayedId id)
    {
        var (due, offset) = id;
        var step = due >> StepBits;
        if (due < _soonEnd)
        {
            return TryRemoveSoon(offset, due);
        }

        if (!_steps.TryGetValue(step, out var messages) || !messages.TryTake(offset, out var run, out var length))
        {
            return false;
        }

        Subtract(run, length);
        if (run.Due == due)
        {
            AddRest(run, length, offset);
        }
        else
        {
            Add(run, length);
        }

        ForgetIfEmpty(step, messages);
        return run.Due == due;
    }

    private bool TryRemoveSoon(long offset, long due)
    {
        foreach (var (run, _) in _soon.UnorderedItems)
        {
            if (run.First <= offset && offset < run.End && run.Due == due)
            {
                _soon.Remove(run, out _, out _);
                Subtract(run, run.Length);
                AddRest(run, run.Length, offset);
                return true;
            }
        }

        return false;
    }

    /// <summary>Puts back what a run has besides one message.</summary>
    private void AddRest(in MessageRun run, int length, long offset)
    {
        var (before, after) = ((int)(offset - run.First), (int)(run.End - offset - 1));
        if (before > 0)
        {
            Add(run.IsLoaded ? run.Part(0, before) : run with { Count = before }, run.IsLoaded ? run.LengthOf(before) : length / run.Count * before);
        }

        if (after > 0)
        {
            var rest = run.IsLoaded ? run.Part(before + 1, run.Count) : run with { First = offset + 1, Count = after };
            Add(rest, run.IsLoaded ? rest.Length : length / run.Count * after);
        }
    }

    private void Add(in MessageRun run, int length)
    {
        Count += run.Count;
        Bytes += length;
        MemoryBytes += run.Length;
        PagedCount += run.IsLoaded ? 0 : run.Count;
        if (run.Due < _soonEnd)
        {
            _soon.Enqueue(run, (run.Due, run.First));
            return;
        }

        var key = run.Due >> StepBits;
        if (!_steps.TryGetValue(key, out var step))
        {
            _steps.Add(key, step = new DelayStep());
            _firstStep = Math.Min(_firstStep, key);
        }

        step.Add(run, length);
        if (run.IsLoaded)
        {
            _loadedSteps.Add(key);
        }
    }

    private void Subtract(in MessageRun run, int length)
    {
        Count -= run.Count;
        Bytes = Count == 0 ? 0 : Bytes - length;
        MemoryBytes -= run.Length;
        PagedCount -= run.IsLoaded ? 0 : run.Count;
    }

    /// <summary>The time of the first step has come.</summary>
    private void BringStep()
    {
        var key = _firstStep;
        var step = _steps[key];
        _soonEnd = (key + 1) << StepBits;
        step.ForEach((run, length) =>
        {
            // What is in the store only counts no bytes from here on.
            Bytes -= length - run.Length;
            _soon.Enqueue(run, (run.Due, run.First));
        });
        RemoveStep(key);
    }

    private void ForgetIfEmpty(long key, DelayStep step)
    {
        if (step.IsEmpty)
        {
            RemoveStep(key);
        }
        else if (!step.HasLoaded)
        {
            _loadedSteps.Remove(key);
        }
    }

    private void RemoveStep(long key)
    {
        _steps.Remove(key);
        _loadedSteps.Remove(key);
        if (key == _firstStep)
        {
            _firstStep = FirstKey();
        }
    }

    private long FirstKey()
    {
        foreach (var (key, _) in _steps)
        {
            return key;
        }

        return long.MaxValue;
    }
}
