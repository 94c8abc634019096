namespace Granary.Silo.Streams;

/// <summary>
/// The segments of a stream: what is too old or too much goes by whole ones, and the last one never does. That is looked at when a segment ends, as in RabbitMQ.
/// </summary>
internal sealed class StreamSegments(StreamSettings settings)
{
    /// <summary>What it goes by now.</summary>
    public StreamSettings Settings { get; set; } = settings;

    private readonly List<StreamSegment> _ended = [];
    private readonly List<(StreamSegment Segment, bool IsGone)> _changes = [];
    private long _openFirst;
    private long _openBytes;
    private long _lastAt;

    /// <summary>The store is to be told of some that ended, or are gone.</summary>
    public bool HasChanges => _changes.Count > 0;

    /// <summary>Those that do not grow any more, and the one that does.</summary>
    public int Count => _ended.Count + 1;

    /// <summary>Of the records of all.</summary>
    public long Bytes { get; private set; }

    /// <summary>Puts in place what an earlier activation had.</summary>
    /// <param name="stored">Ended segments that the store knows of.</param>
    /// <param name="first">The first offset that is there.</param>
    /// <param name="bytes">Record bytes that are there.</param>
    public void Restore(IEnumerable<StreamSegment> stored, long first, long bytes)
    {
        (_openFirst, _openBytes, Bytes) = (first, bytes, bytes);
        _ended.Clear();
        foreach (var segment in stored.OrderBy(static segment => segment.First))
        {
            if (segment.First >= _openFirst && segment.Bytes <= _openBytes)
            {
                // One that the store was not told of is a part of the next.
                _ended.Add(segment with { First = _openFirst });
                (_openFirst, _openBytes) = (segment.End, _openBytes - segment.Bytes);
            }
            else if (segment.First < first)
            {
                _changes.Add((segment, true));
            }
        }
    }

    /// <summary>Messages are added at the end, and it is some time, in Unix milliseconds.</summary>
    /// <param name="first">The offset of the first.</param>
    /// <returns>Whether a segment has ended before them.</returns>
    public bool Append(long first, long bytes, long now)
    {
        var ends = _openBytes >= Settings.SegmentBytes;
        if (ends)
        {
            var ended = new StreamSegment(_openFirst, first, _openBytes, _lastAt == 0 ? now : _lastAt);
            _ended.Add(ended);
            _changes.Add((ended, false));
            (_openFirst, _openBytes) = (first, 0);
        }

        (_openBytes, Bytes, _lastAt) = (_openBytes + bytes, Bytes + bytes, now);
        return ends;
    }

    /// <summary>Drops segments that are too old or too many.</summary>
    /// <returns>The first offset that stays.</returns>
    public long Trim(long now)
    {
        var gone = 0;
        while (gone < _ended.Count && (Bytes > Settings.MaxBytes || _ended[gone].LastAt < now - Settings.MaxAge))
        {
            Bytes -= _ended[gone].Bytes;
            _changes.Add((_ended[gone++], true));
        }

        _ended.RemoveRange(0, gone);
        return _ended.Count > 0 ? _ended[0].First : _openFirst;
    }

    /// <summary>All of them are gone with the stream.</summary>
    public void Clear()
    {
        _changes.AddRange(_ended.Select(static segment => (segment, true)));
        _ended.Clear();
    }

    /// <summary>What the store is to be told.</summary>
    public (StreamSegment Segment, bool IsGone)[] TakeChanges()
    {
        (StreamSegment, bool)[] changes = [.. _changes];
        _changes.Clear();
        return changes;
    }
}

/// <summary>A segment that has ended.</summary>
/// <param name="First">The offset of its first message.</param>
/// <param name="End">The offset after its last.</param>
/// <param name="Bytes">Of its records.</param>
/// <param name="LastAt">When its last message came, in Unix milliseconds, or a little later.</param>
internal readonly record struct StreamSegment(long First, long End, long Bytes, long LastAt);
