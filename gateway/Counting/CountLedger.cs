using Granary.Core.Counting;

namespace Granary.Gateway.Counting;

/// <summary>The counts of all that is open, and the sum of what was: what has ended stays counted.</summary>
internal sealed class CountLedger
{
    private readonly Lock _gate = new();
    private readonly HashSet<MessageCounts> _open = [];
    private readonly MessageCounts _ended = new();
    private long _opened;

    /// <summary>How many there have ever been.</summary>
    public long Opened => Volatile.Read(ref _opened);

    /// <summary>How many there are.</summary>
    public long Open
    {
        get
        {
            lock (_gate)
            {
                return _open.Count;
            }
        }
    }

    public void Begin(MessageCounts counts)
    {
        lock (_gate)
        {
            _opened++;
            _open.Add(counts);
        }
    }

    /// <summary>Nothing is counted there any more.</summary>
    public void End(MessageCounts counts)
    {
        lock (_gate)
        {
            if (_open.Remove(counts))
            {
                _ended.Add(counts);
            }
        }
    }

    /// <summary>Never less than it was.</summary>
    public long Sum(MessageEvent what)
    {
        lock (_gate)
        {
            var sum = _ended[what];
            foreach (var counts in _open)
            {
                sum += counts[what];
            }

            return sum;
        }
    }
}
