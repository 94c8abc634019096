using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>Messages that are due within about a second of each other, in no order: that is made when their time is near.</summary>
internal sealed class DelayStep
{
    private readonly List<MessageRun> _loaded = [];
    private readonly List<Paged> _paged = [];

    /// <summary>When the first of them is due.</summary>
    public long NextDue { get; private set; } = MessageRun.Never;

    public bool HasLoaded => _loaded.Count > 0;

    public bool IsEmpty => _loaded.Count == 0 && _paged.Count == 0;

    /// <param name="length">Record bytes: known also of messages that are in the store only.</param>
    public void Add(in MessageRun run, int length)
    {
        NextDue = Math.Min(NextDue, run.Due);
        if (run.IsLoaded)
        {
            _loaded.Add(run);
        }
        else
        {
            _paged.Add(new Paged(run.First, run.Due, run.Count, length));
        }
    }

    /// <summary>Gives up the memory of those that are in the store, and says how many they are, and how many bytes that is.</summary>
    public (long Count, long Bytes) LetGo(long storedEnd)
    {
        var (count, bytes) = (0L, 0L);
        _loaded.RemoveAll(run =>
        {
            if (run.End > storedEnd)
            {
                return false;
            }

            _paged.Add(new Paged(run.First, run.Due, run.Count, run.Length));
            (count, bytes) = (count + run.Count, bytes + run.Length);
            return true;
        });
        if (!HasLoaded)
        {
            _loaded.TrimExcess();
        }

        return (count, bytes);
    }

    /// <summary>Tells all, in no order, with their record bytes.</summary>
    public void ForEach(Action<MessageRun, int> action)
    {
        foreach (var run in _loaded)
        {
            action(run, run.Length);
        }

        foreach (var paged in _paged)
        {
            action(paged.ToRun(), paged.Length);
        }
    }

    /// <summary>Takes out the run that has this message.</summary>
    public bool TryTake(long offset, out MessageRun run, out int length)
    {
        var at = _loaded.FindIndex(one => one.First <= offset && offset < one.End);
        if (at >= 0)
        {
            (run, length) = (_loaded[at], _loaded[at].Length);
            _loaded.RemoveAt(at);
            return true;
        }

        at = _paged.FindIndex(one => one.First <= offset && offset < one.First + one.Count);
        (run, length) = at < 0 ? default : (_paged[at].ToRun(), _paged[at].Length);
        if (at >= 0)
        {
            _paged.RemoveAt(at);
        }

        return at >= 0;
    }

    private readonly record struct Paged(long First, long Due, int Count, int Length)
    {
        public MessageRun ToRun() => new(default, First, Count, Redelivered: false, MessageFlags.Persistent, Since: 0, Due);
    }
}
