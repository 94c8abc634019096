using System.Text;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Storage.Tests;

/// <summary>One message as tests compare it.</summary>
internal sealed record Message(long Offset, string Body, bool IsPersistent, long Due);

/// <summary>Runs of messages whose bodies tell what they should be.</summary>
internal static class Messages
{
    /// <summary>Messages with successive offsets; each body says its offset and is padded to <paramref name="size"/> bytes.</summary>
    public static MessageRun Run(
        long first, int count, int size = 16, bool persistent = true, long due = MessageRun.Never, string mark = "", Func<long, bool>? isPersistent = null)
    {
        var records = new MemoryStream();
        var union = MessageFlags.None;
        for (var offset = first; offset < first + count; offset++)
        {
            var flags = (isPersistent?.Invoke(offset) ?? persistent) ? MessageFlags.Persistent : MessageFlags.None;
            union |= flags;
            records.Write(Record(flags, Encoding.UTF8.GetBytes(BodyOf(offset, size, mark))));
        }

        return new MessageRun(records.ToArray(), first, count, false, union, 0, due);
    }

    public static string BodyOf(long offset, int size, string mark = "") => $"{mark}{offset}".PadRight(size, '.');

    public static byte[] Record(MessageFlags flags, ReadOnlySpan<byte> body)
    {
        var size = (int)MessageRecord.SizeOf((flags & MessageFlags.HasExpiry) != 0, 0, 6, 0, body.Length);
        var record = new byte[size];
        var at = MessageRecord.WriteHead(record, flags, 0, 1000, [], "orders"u8, [], body.Length);
        body.CopyTo(record.AsSpan(at));
        return record;
    }

    /// <summary>The messages of runs, one by one. Fails if a run is not what it says.</summary>
    public static List<Message> Of(params IEnumerable<MessageRun> runs)
    {
        var messages = new List<Message>();
        foreach (var run in runs)
        {
            Assert.True(run.Count >= 1, "a run is never empty");
            Assert.False(run.Redelivered);
            var records = run.Records.Span;
            for (var offset = run.First; offset < run.End; offset++)
            {
                var record = new MessageRecord(records);
                Assert.Equal(record.Flags, record.Flags & run.Flags);
                messages.Add(new Message(offset, Encoding.UTF8.GetString(record.Body), record.IsPersistent, run.Due));
                records = records[record.Length..];
            }

            Assert.True(records.IsEmpty, "a run holds the records of its messages and nothing else");
        }

        return messages;
    }

    public static long BytesOf(params IEnumerable<MessageRun> runs) => runs.Sum(run => (long)run.Length);
}
