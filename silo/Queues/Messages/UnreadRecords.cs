using System.Buffers;
using System.Runtime.InteropServices;
using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// What is known of the records of a run that only the store has (<see cref="MessageRun.LetGo"/>): how large each is. It is in the place of the records, as memory of no
/// bytes, and goes wherever the run goes: a field for it would make each run larger, of which nearly all are in memory. Runs that follow each other may share one.
/// </summary>
internal sealed class UnreadRecords : MemoryManager<byte>
{
    private readonly long _first;
    private readonly List<(int Length, int Body)> _sizes = [];

    private UnreadRecords(long first) => _first = first;

    private long End => _first + _sizes.Count;

    /// <param name="run">In memory.</param>
    public static ReadOnlyMemory<byte> Of(in MessageRun run)
    {
        var sizes = new UnreadRecords(run.First);
        for (var records = run.Records.Span; !records.IsEmpty;)
        {
            var record = new MessageRecord(records);
            sizes._sizes.Add((record.Length, record.Body.Length));
            records = records[record.Length..];
        }

        return sizes.CreateMemory(0);
    }

    /// <summary>How large the records are is known, of a run that is not in memory.</summary>
    public static bool Has(in MessageRun run) => Find(run) is not null;

    /// <summary>The bytes of the records and of their bodies, of a run that is not in memory; 0, where they are not known.</summary>
    public static (long Bytes, long Bodies) SizeOf(in MessageRun run)
    {
        var (bytes, bodies) = (0L, 0L);
        if (Find(run) is { } found)
        {
            foreach (var (length, body) in found.SizesOf(run))
            {
                (bytes, bodies) = (bytes + length, bodies + body);
            }
        }

        return (bytes, bodies);
    }

    /// <summary>Makes what is known of two runs that follow each other, and are not in memory, one. False: it has to stay apart.</summary>
    /// <param name="joined">Is in the place of the records of both.</param>
    public static bool TryJoin(in MessageRun left, in MessageRun right, out ReadOnlyMemory<byte> joined)
    {
        var (one, other) = (Find(left), Find(right));
        joined = left.Records;
        if (one == other)
        {
            return true;
        }

        if (one is null || other is null || one.End != right.First)
        {
            return false;
        }

        if (left.First - one._first > one._sizes.Count / 2)
        {
            // Most of it is settled: a consumer that always holds some would keep the sizes of all that it has ever got. Others may share what there is.
            var live = new UnreadRecords(left.First);
            live._sizes.AddRange(one.SizesOf(left));
            (one, joined) = (live, live.CreateMemory(0));
        }

        one._sizes.AddRange(other.SizesOf(right));
        return true;
    }

    public override Span<byte> GetSpan() => default;

    public override MemoryHandle Pin(int elementIndex = 0) => default;

    public override void Unpin()
    {
        // Nothing is pinned.
    }

    protected override void Dispose(bool disposing)
    {
        // Nothing is held.
    }

    private Span<(int Length, int Body)> SizesOf(in MessageRun run) => CollectionsMarshal.AsSpan(_sizes).Slice((int)(run.First - _first), run.Count);

    private static UnreadRecords? Find(in MessageRun run) => MemoryMarshal.TryGetMemoryManager<byte, UnreadRecords>(run.Records, out var found) ? found : null;
}
