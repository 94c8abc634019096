using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>When messages expire: fixed when they are enqueued, by the shorter of the queue's time and their own.</summary>
internal static class Lifetimes
{
    /// <summary>
    /// Splits messages that may expire into runs of those that expire at the same time, so that all later work stays that of a run.
    /// </summary>
    /// <param name="queueTtl">Milliseconds, or null.</param>
    public static void Split(in MessageRun run, long? queueTtl, long now, List<MessageRun> runs)
    {
        var queueDue = queueTtl is { } ttl ? now + ttl : MessageRun.Never;
        if ((run.Flags & MessageFlags.HasExpiry) == 0)
        {
            runs.Add(run with { Due = queueDue });
            return;
        }

        var records = run.Records.Span;
        var rest = run;
        var due = DueOf(records, queueDue, now);
        int count = 0, length = 0;
        for (var at = 0; at < records.Length;)
        {
            var next = DueOf(records[at..], queueDue, now);
            if (next != due)
            {
                runs.Add(rest.Head(count, length) with { Due = due });
                rest = rest.After(count, length);
                (due, count, length) = (next, 0, 0);
            }

            var recordLength = MessageRecord.LengthOf(records[at..]);
            at += recordLength;
            length += recordLength;
            count++;
        }

        runs.Add(rest with { Due = due });
    }

    private static long DueOf(ReadOnlySpan<byte> record, long queueDue, long now) =>
        new MessageRecord(record).Expiry is { } own ? Math.Min(queueDue, now + own) : queueDue;
}
