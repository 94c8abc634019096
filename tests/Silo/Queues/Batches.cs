using System.Buffers.Binary;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>Batches of messages whose bodies begin with a number of their own.</summary>
internal static class Batches
{
    /// <summary>Consecutive ids from <paramref name="first"/> on; the body length and the priority may depend on the id.</summary>
    public static MessageBatch Of(
        long first, int count, Func<long, int>? bodyLength = null, Func<long, long?>? expiry = null, bool persistent = false, Func<long, byte?>? priority = null)
    {
        var size = 0;
        var all = MessageFlags.None;
        for (var i = 0; i < count; i++)
        {
            size += (int)MessageRecord.SizeOf(expiry?.Invoke(first + i) is not null, 0, 1, 2, BodyLength(first + i, bodyLength));
        }

        var bytes = new byte[size];
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            var length = BodyLength(first + i, bodyLength);
            var own = expiry?.Invoke(first + i);
            var flags = (own is null ? MessageFlags.None : MessageFlags.HasExpiry) | (persistent ? MessageFlags.Persistent : MessageFlags.None);
            var level = priority?.Invoke(first + i);
            flags |= level is null ? MessageFlags.None : MessageFlags.HasPriority;
            all |= flags;
            var body = at + MessageRecord.WriteHead(bytes.AsSpan(at), flags, level ?? 0, own ?? 0, [], "k"u8, [0, 0], length);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(body), first + i);
            at = body + length;
        }

        return new MessageBatch(bytes, count, all);
    }

    /// <summary>As the other, each message with the header x-delay, in milliseconds.</summary>
    public static MessageBatch Delayed(long first, params long[] delays)
    {
        var records = new MemoryStream();
        for (var i = 0; i < delays.Length; i++)
        {
            var properties = BasicPropertiesEdit.WithHeaders([0, 0], FieldTable.Of([("x-delay", delays[i])]));
            var record = new byte[MessageRecord.SizeOf(false, 0, 1, properties.Length, sizeof(long))];
            BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(MessageRecord.WriteHead(record, MessageFlags.None, 0, 0, [], "k"u8, properties, sizeof(long))), first + i);
            records.Write(record);
        }

        return new MessageBatch(records.ToArray(), delays.Length, MessageFlags.None);
    }

    /// <summary>A batch that is a slice in the middle of a chunk of the usual size.</summary>
    public static MessageBatch InChunk(MessageBatch batch)
    {
        var chunk = new byte[MessageBatch.ChunkSize];
        batch.Records.CopyTo(chunk.AsMemory(100));
        return batch with { Records = chunk.AsMemory(100, batch.Records.Length) };
    }

    /// <summary>The ids of the messages in a slice.</summary>
    public static long[] Ids(DeliverySlice slice)
    {
        var ids = new long[slice.Batch.Count];
        var rest = slice.Batch.Records.Span;
        for (var i = 0; i < ids.Length; i++)
        {
            var record = new MessageRecord(rest);
            ids[i] = BinaryPrimitives.ReadInt64LittleEndian(record.Body);
            rest = rest[record.Length..];
        }

        Assert.True(rest.IsEmpty, "A slice must hold its messages and nothing else.");
        return ids;
    }

    private static int BodyLength(long id, Func<long, int>? bodyLength) => bodyLength?.Invoke(id) ?? sizeof(long);
}
