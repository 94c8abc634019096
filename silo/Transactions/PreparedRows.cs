using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Transactions;
using Granary.Silo.Storage;

namespace Granary.Silo.Transactions;

/// <summary>
/// What durable queues are prepared for: a row for each transaction and queue, in a table of the queue's own, with all that is to be done. Whether it is done is said by
/// <see cref="TransactionDecisions"/>.
/// </summary>
internal static class PreparedRows
{
    public const string Prefix = "prepared ";

    private const byte Format = 1;

    public static string TableOf(string queueKey) => Prefix + queueKey;

    /// <summary>The key of the queue that a row is of.</summary>
    public static string QueueOf(Row row) => row.Key.Table[Prefix.Length..];

    public static RowChange Added(string queueKey, Guid incarnation, TransactionPart part)
    {
        using var memory = new MemoryStream();
        using (var writer = new BinaryWriter(memory))
        {
            writer.Write(Format);
            writer.Write(incarnation.ToByteArray());
            writer.Write(part.By.Value.ToByteArray());
            writer.Write(part.By.Member ?? "");
            writer.Write(part.Session.Value.ToByteArray());
            writer.Write(part.Settlements.Length);
            foreach (var settle in part.Settlements)
            {
                writer.Write((byte)settle.Outcome);
                writer.Write(settle.Offsets.Length);
                foreach (var range in settle.Offsets)
                {
                    writer.Write(range.First);
                    writer.Write(range.Count);
                }
            }

            writer.Write(part.Batches.Length);
            foreach (var batch in part.Batches)
            {
                writer.Write(batch.Count);
                writer.Write((byte)batch.Flags);
                writer.Write(batch.Records.Length);
                writer.Write(batch.Records.Span);
            }

            // Behind all that a version knows that has none.
            foreach (var batch in part.Batches)
            {
                writer.Write(batch.Window?.Size ?? 0);
                writer.Write(batch.Window?.Ttl ?? 0);
            }
        }

        return new RowChange(KeyOf(queueKey, part.Id), memory.ToArray());
    }

    public static RowChange Removed(string queueKey, TransactionId id) => new(KeyOf(queueKey, id), null);

    /// <exception cref="StoreException">The row is not one of a transaction.</exception>
    public static (Guid Incarnation, TransactionPart Part) Parse(Row row)
    {
        try
        {
            using var all = new MemoryStream(row.Value.ToArray());
            using var reader = new BinaryReader(all);
            if (reader.ReadByte() == Format)
            {
                var incarnation = ReadGuid(reader);
                var by = new ConnectionId(ReadGuid(reader), reader.ReadString() is { Length: > 0 } member ? member : null);
                var session = new SessionId(ReadGuid(reader));
                var settlements = ReadAll(reader, static reader => SettleItem.Of(
                    (Settlement)reader.ReadByte(), ReadAll(reader, static reader => new OffsetRange(reader.ReadInt64(), reader.ReadInt32()))));
                var batches = ReadAll(reader, static reader =>
                {
                    var (count, flags) = (reader.ReadInt32(), (MessageFlags)reader.ReadByte());
                    return new MessageBatch(reader.ReadBytes(reader.ReadInt32()), count, flags);
                });
                for (var i = 0; i < batches.Length && all.Position < all.Length; i++)
                {
                    var (size, ttl) = (reader.ReadInt32(), reader.ReadInt64());
                    batches[i] = size == 0 ? batches[i] : batches[i] with { Window = new DeduplicationWindow(size, ttl == 0 ? null : ttl) };
                }

                return (incarnation, new TransactionPart(IdOf(row), by, session, settlements, batches));
            }
        }
        catch (Exception exception) when (exception is EndOfStreamException or ArgumentException or FormatException)
        {
            throw Unreadable(row, exception);
        }

        throw Unreadable(row, null);
    }

    public static TransactionId IdOf(Row row) =>
        Guid.TryParseExact(row.Key.Key, "n", out var id) ? new TransactionId(id) : throw Unreadable(row, null);

    private static RowKey KeyOf(string queueKey, TransactionId id) => new(TableOf(queueKey), id.Value.ToString("n"));

    private static Guid ReadGuid(BinaryReader reader) => new(reader.ReadBytes(16));

    private static T[] ReadAll<T>(BinaryReader reader, Func<BinaryReader, T> read)
    {
        var all = new T[reader.ReadInt32()];
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = read(reader);
        }

        return all;
    }

    private static StoreException Unreadable(Row row, Exception? cause) =>
        new($"The stored row '{row.Key.Key}' of '{row.Key.Table}' is none of a transaction.", cause);
}
