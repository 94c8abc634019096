using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Streams;

/// <summary>What was read back from the store last, for those consumers that come to the same place a little later.</summary>
internal sealed class StreamBlocks
{
    private readonly Queue<MessageRun[]> _blocks = new();

    /// <summary>Record bytes.</summary>
    public long Bytes { get; private set; }

    public void Add(MessageRun[] runs)
    {
        if (runs.Length > 0)
        {
            _blocks.Enqueue(runs);
            Bytes += BytesOf(runs);
        }
    }

    /// <summary>Finds what was read from an offset on, to the end of one block.</summary>
    public bool TryFind(long offset, out MessageRun[] runs)
    {
        foreach (var block in _blocks)
        {
            if (offset < block[0].First || offset >= block[^1].End)
            {
                continue;
            }

            runs = Array.FindAll(block, run => run.End > offset);
            if (runs[0].First < offset)
            {
                var skipped = (int)(offset - runs[0].First);
                runs[0] = runs[0].After(skipped, runs[0].LengthOf(skipped));
            }

            return true;
        }

        runs = [];
        return false;
    }

    /// <summary>Forgets what was read first, while there is more than so much.</summary>
    public void Trim(long bytes)
    {
        while (Bytes > bytes && _blocks.TryDequeue(out var block))
        {
            Bytes -= BytesOf(block);
        }
    }

    private static long BytesOf(MessageRun[] runs)
    {
        var bytes = 0L;
        foreach (var run in runs)
        {
            bytes += run.Length;
        }

        return bytes;
    }
}
