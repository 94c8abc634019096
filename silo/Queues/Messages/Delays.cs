using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>When delayed messages are due: fixed when they come, by the header of each.</summary>
internal static class Delays
{
    /// <summary>
    /// Splits messages into runs of those that are due at the same time, each with memory of its own: they leave at other times than those that they came with, which
    /// would keep all of the memory alive. All are to be stored, whatever their publisher asked for, as RabbitMQ's plugin does.
    /// </summary>
    public static void Split(in MessageRun run, long now, List<MessageRun> runs)
    {
        var records = run.Records.Span;
        var (start, count, first) = (0, 0, run.First);
        var due = DueOf(records, now);
        for (var at = 0; at < records.Length;)
        {
            var next = DueOf(records[at..], now);
            if (next != due)
            {
                runs.Add(Own(run, first, count, start..at, due));
                (start, first, count, due) = (at, first + count, 0, next);
            }

            at += MessageRecord.LengthOf(records[at..]);
            count++;
        }

        runs.Add(Own(run, first, count, start.., due));
    }

    /// <summary>Messages that an exchange keeps for a while: in memory of their own, and to be stored whatever their publisher asked for.</summary>
    public static MessageRun Keep(in MessageRun run) => Own(run, run.First, run.Count, .., MessageRun.Never);

    private static MessageRun Own(in MessageRun run, long first, int count, Range bytes, long due)
    {
        var records = run.Records[bytes].ToArray();
        MessageRecord.MarkPersistent(records);
        return run with { Records = records, First = first, Count = count, Due = due, Flags = run.Flags | MessageFlags.Persistent };
    }

    private static long DueOf(ReadOnlySpan<byte> record, long now) => now + DelayHeader.OfMessage(new MessageRecord(record).Properties);
}
