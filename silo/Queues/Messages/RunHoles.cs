using System.Numerics;
using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>Which messages of a run are settled, and where in memory some of them begin, so that any of them is found at once.</summary>
internal sealed class RunHoles(int count)
{
    private const int MarkEvery = 32;

    private readonly ulong[] _bits = new ulong[(count + 63) / 64];
    private int[]? _marks;

    /// <summary>The first live index from <paramref name="from"/> on, or <paramref name="end"/>.</summary>
    public int NextLive(int from, int end) => Next(from, end, ~0UL);

    /// <summary>The first settled index from <paramref name="from"/> on, or <paramref name="end"/>.</summary>
    public int NextSettled(int from, int end) => Next(from, end, 0UL);

    public void Settle(int from, int to)
    {
        for (var at = from; at < to; at = (at | 63) + 1)
        {
            _bits[at >> 6] |= Mask(at, to);
        }
    }

    public int PositionOf(int index, in MessageRun run)
    {
        if (index == run.Count)
        {
            return run.Length;
        }

        var span = run.Records.Span;
        if (_marks is null)
        {
            _marks = new int[(run.Count + MarkEvery - 1) / MarkEvery];
            var at = 0;
            for (var i = 0; i < run.Count; i++)
            {
                if (i % MarkEvery == 0)
                {
                    _marks[i / MarkEvery] = at;
                }

                at += MessageRecord.LengthOf(span[at..]);
            }
        }

        var position = _marks[index / MarkEvery];
        for (var i = index - (index % MarkEvery); i < index; i++)
        {
            position += MessageRecord.LengthOf(span[position..]);
        }

        return position;
    }

    private static ulong Mask(int from, int to)
    {
        var mask = ulong.MaxValue << (from & 63);
        var end = (from | 63) + 1;
        return to >= end ? mask : mask & (ulong.MaxValue >> (end - to));
    }

    private int Next(int from, int end, ulong flip)
    {
        while (from < end)
        {
            var word = (_bits[from >> 6] ^ flip) & (ulong.MaxValue << (from & 63));
            if (word != 0)
            {
                return Math.Min((from & ~63) + BitOperations.TrailingZeroCount(word), end);
            }

            from = (from | 63) + 1;
        }

        return end;
    }
}
