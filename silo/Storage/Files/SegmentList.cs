namespace Granary.Silo.Storage.Files;

/// <summary>The segments of a log, from the oldest to the one that is written, and how much of each is needed.</summary>
internal sealed class SegmentList
{
    private readonly Dictionary<uint, Segment> _byNumber = [];
    private readonly Queue<Segment> _inOrder = new();
    private readonly List<uint> _drained = [];

    public int Count => _inOrder.Count;

    public Segment Oldest => _inOrder.Peek();

    public Segment? Last { get; private set; }

    /// <summary>Bytes of the log, and about how many of them are needed.</summary>
    public long Bytes => _inOrder.Sum(segment => segment.End);

    public long LiveBytes { get; private set; }

    public Segment this[uint number] => _byNumber[number];

    public IEnumerable<Segment> All => _inOrder;

    /// <summary>Adds a file that is no part of the log, so that batches in it are found.</summary>
    public void AddAside(Segment segment) => _byNumber.Add(segment.Number, segment);

    /// <summary>Which of the files that are no part of the log held nothing at some moment since the last call.</summary>
    public uint[] TakeDrained()
    {
        if (_drained.Count == 0)
        {
            return [];
        }

        uint[] drained = [.. _drained.Distinct()];
        _drained.Clear();
        return drained;
    }

    public void RemoveAside(Segment segment) => _byNumber.Remove(segment.Number);

    public void Add(Segment segment)
    {
        _byNumber.Add(segment.Number, segment);
        _inOrder.Enqueue(segment);
        Last = segment;
    }

    /// <summary>Takes the oldest out.</summary>
    public Segment TakeOldest()
    {
        var oldest = _inOrder.Dequeue();
        _byNumber.Remove(oldest.Number);
        return oldest;
    }

    public void Hold(in StoredBatch batch) => Change(batch.Segment, 1, batch.Weight);

    public void Release(in StoredBatch batch) => Change(batch.Segment, -1, -batch.Weight);

    public void Hold(uint segment, int bytes) => Change(segment, 1, bytes);

    public void Release(uint segment, int bytes) => Change(segment, -1, -bytes);

    private void Change(uint number, int holds, long bytes)
    {
        var segment = _byNumber[number];
        segment.Holds += holds;
        segment.LiveBytes += bytes;
        if (!StreamFile.IsOne(number))
        {
            LiveBytes += bytes;
        }
        else if (segment.Holds == 0)
        {
            _drained.Add(number);
        }
    }
}
