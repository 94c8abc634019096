using Granary.Core.Figures;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// When the messages of a queue came to it. Offsets are given in the order in which messages come, so a few marks (from this offset on: this time) tell it of all:
/// one for each millisecond in which any came, and of those long past only as many as it takes to be right to one sixteenth of the age. A queue that was never empty for
/// a year has about 400 of them. Nothing is kept with a message, nothing is read, and a batch costs a comparison.
/// </summary>
internal sealed class ArrivalTimes
{
    /// <summary>A time that is this part of an age too early is as good as the right one.</summary>
    private const int Precision = 16;

    private const int Fewest = 64;

    private long[] _offsets = new long[2];
    private long[] _times = new long[2];
    private int _count;
    private int _thinAt = Fewest;

    // What was asked for last in Give: those from _from to below _end came at the same time, and belong to _bucket at _now.
    private long _from;
    private long _end;
    private long _now;
    private double _waited;
    private int _bucket;

    /// <summary>It knows no time at all.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>How many marks there are.</summary>
    public int Marks => _count;

    /// <summary>How long messages waited until they were given out for the first time, in seconds; null: none was.</summary>
    public Distribution? Waits { get; private set; }

    /// <summary>The largest value of each bucket of <see cref="Waits"/>.</summary>
    public static double[] Bounds { get; } = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3600, 86_400];

    /// <summary>Messages from this offset on came now, in milliseconds that never go back.</summary>
    public void Note(long offset, long now)
    {
        if (_count > 0 && _times[_count - 1] == now)
        {
            return;
        }

        if (_count >= _thinAt)
        {
            Thin(now);
        }

        if (_count == _offsets.Length)
        {
            Array.Resize(ref _offsets, _count * 2);
            Array.Resize(ref _times, _count * 2);
        }

        (_offsets[_count], _times[_count]) = (offset, now);
        _count++;
        _end = Math.Min(_end, offset);
    }

    /// <summary>About when a message came. Of those that were there before anything was noted: when it was noted first, which is too late.</summary>
    public long TimeOf(long offset) => _times[IndexOf(offset)];

    /// <summary>Messages are given out for the first time.</summary>
    public void Give(long first, int count, long now)
    {
        if (_count == 0)
        {
            return;
        }

        if (first < _from || first >= _end || now != _now)
        {
            var index = IndexOf(first);
            Waits ??= new Distribution(Bounds);
            _from = index == 0 ? long.MinValue : _offsets[index];
            _end = index + 1 < _count ? _offsets[index + 1] : long.MaxValue;
            _now = now;
            _waited = (now - _times[index]) / 1000d;
            _bucket = Waits.BucketOf(_waited);
        }

        Waits!.Add(_bucket, _waited, count);
    }

    /// <summary>There is no message whose time could matter.</summary>
    public void Clear()
    {
        _count = 0;
        _end = long.MinValue;
        if (_offsets.Length > Fewest)
        {
            (_offsets, _times, _thinAt) = (new long[2], new long[2], Fewest);
        }
    }

    // The last mark of those not above the offset, or the first.
    private int IndexOf(long offset)
    {
        var found = Array.BinarySearch(_offsets, 0, _count, offset);
        return found >= 0 ? found : Math.Max(~found - 1, 0);
    }

    /// <summary>Leaves out marks where the one before says nearly the same.</summary>
    private void Thin(long now)
    {
        var kept = 1;
        for (var i = 1; i < _count; i++)
        {
            if (i + 1 == _count || _times[i + 1] - _times[kept - 1] > (now - _times[i + 1]) / Precision)
            {
                (_offsets[kept], _times[kept]) = (_offsets[i], _times[i]);
                kept++;
            }
        }

        _count = kept;
        _end = long.MinValue;
        _thinAt = Math.Max(Fewest, 2 * kept);
    }
}
