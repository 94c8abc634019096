using System.Runtime.InteropServices;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Makes the rows of a flush's messages: gathers small runs to one batch, cuts batches into pieces that fill a page, puts shared bytes apart.</summary>
internal sealed class BatchEncoder
{
    /// <summary>With a row's header and columns, what fits into a page of 8 KiB.</summary>
    public const int PieceBytes = 8080;

    // More than this is sent in several messages, each of which the server has in memory as a whole.
    private const int PartBytes = 8 << 20;

    private readonly Dictionary<RunPlace, long> _shared = [];
    private readonly List<MessageRun> _gathered = [];
    private int _gatheredBytes;
    private int _gatheredCount;
    private short _kind;

    public List<BatchColumns> Parts { get; } = [new()];

    /// <summary>Adds the bytes of a run that several queues have, which is written whatever becomes of any of them.</summary>
    public void AddShared(long owner, RunPlace place, ReadOnlyMemory<byte> bytes)
    {
        _shared.Add(place, owner);
        AddPieces(queue: 0, new BatchHead(owner, First: 0, Count: 0, bytes.Length, Bodies: 0, Flags: 0, MessageRun.Never, Shared: 0), bytes);
    }

    /// <summary>Adds runs of one queue, by ascending offsets.</summary>
    public void Add(long queue, List<MessageRun> runs, bool isStream)
    {
        _kind = isStream ? StoredBatch.OfStream : (short)0;
        foreach (var run in CollectionsMarshal.AsSpan(runs))
        {
            if (TryGetShared(run, out var owner))
            {
                AddGathered(queue);
                var (shared, length) = LookAt(run);
                var head = new BatchHead(queue, run.First, run.Count, run.Length, length, shared, run.Due, owner);
                RoomFor(bytes: 0).Add(queue, head, piece: 0, ReadOnlyMemory<byte>.Empty);
                continue;
            }

            if (_gathered.Count > 0 && !CanGather(run))
            {
                AddGathered(queue);
            }

            AddSlices(queue, run);
        }

        AddGathered(queue);
    }

    private bool TryGetShared(in MessageRun run, out long owner)
    {
        owner = 0;
        return _shared.Count > 0 && run.Count <= StoredBatch.MaxCount
            && run.Place is { } place && _shared.TryGetValue(place, out owner);
    }

    // A run of very many messages becomes several batches.
    private void AddSlices(long queue, MessageRun run)
    {
        while (run.Count > StoredBatch.MaxCount)
        {
            AddGathered(queue);
            var length = run.LengthOf(StoredBatch.MaxCount);
            Gather(run.Head(StoredBatch.MaxCount, length));
            run = run.After(StoredBatch.MaxCount, length);
            AddGathered(queue);
        }

        Gather(run);
    }

    private bool CanGather(in MessageRun run)
    {
        var last = _gathered[^1];
        return last.End == run.First && last.Due == run.Due && IsPersistent(last) == IsPersistent(run)
            && _gatheredBytes + run.Length <= MessageBatch.ChunkSize && _gatheredCount + run.Count <= StoredBatch.MaxCount;
    }

    private void Gather(in MessageRun run)
    {
        _gathered.Add(run);
        _gatheredBytes += run.Length;
        _gatheredCount += run.Count;
    }

    private void AddGathered(long queue)
    {
        if (_gathered.Count == 0)
        {
            return;
        }

        var (flags, bodies) = (_kind, 0);
        foreach (var run in _gathered)
        {
            var (some, length) = LookAt(run);
            flags |= some;
            bodies += length;
        }

        var first = _gathered[0];
        var head = new BatchHead(queue, first.First, _gatheredCount, _gatheredBytes, bodies, flags, first.Due, Shared: 0);
        AddPieces(queue, head, _gathered.Count == 1 ? first.Records : Join());
        _gathered.Clear();
        (_gatheredBytes, _gatheredCount) = (0, 0);
    }

    private byte[] Join()
    {
        var joined = GC.AllocateUninitializedArray<byte>(_gatheredBytes);
        var length = 0;
        foreach (var run in _gathered)
        {
            run.Records.Span.CopyTo(joined.AsSpan(length));
            length += run.Length;
        }

        return joined;
    }

    private void AddPieces(long queue, in BatchHead head, ReadOnlyMemory<byte> bytes)
    {
        for (var piece = 0; piece == 0 || !bytes.IsEmpty; piece++)
        {
            var length = Math.Min(PieceBytes, bytes.Length);
            RoomFor(length).Add(queue, head, piece, bytes[..length]);
            bytes = bytes[length..];
        }
    }

    private BatchColumns RoomFor(int bytes)
    {
        if (Parts[^1].Length + bytes > PartBytes)
        {
            Parts.Add(new BatchColumns());
        }

        return Parts[^1];
    }

    private static bool IsPersistent(in MessageRun run) => (run.Flags & MessageFlags.Persistent) != 0;

    private static (short Flags, int BodiesLength) LookAt(in MessageRun run)
    {
        var (flags, bodies) = ((short)run.Flags, 0);
        if (!IsPersistent(run))
        {
            return (flags, bodies);
        }

        for (var records = run.Records.Span; !records.IsEmpty;)
        {
            var record = new MessageRecord(records);
            flags |= record.IsPersistent ? (short)0 : StoredBatch.Mixed;
            bodies += record.Body.Length;
            records = records[record.Length..];
        }

        return (flags, bodies);
    }
}
