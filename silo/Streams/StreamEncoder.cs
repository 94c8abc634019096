using System.Buffers.Binary;
using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Silo.Streams;

/// <summary>
/// Writes records as a stream keeps and delivers them: with the offset among the headers, so that all readers share the same bytes, and so that they are stored
/// whatever their publisher asked for. Nothing in a stream expires.
/// </summary>
internal sealed class StreamEncoder
{
    /// <summary>A record becomes longer by this at the most.</summary>
    public const int MostAdded = BasicPropertiesEdit.HeadersSize + 1 + 15 + 1 + sizeof(long);

    private static readonly byte[] Head = [15, .. "x-stream-offset"u8, (byte)FieldKind.Long];

    private readonly byte[] _entry = [.. Head, .. new byte[sizeof(long)]];
    private byte[] _properties = new byte[256];

    private static ReadOnlySpan<byte> Key => Head.AsSpan(1, 15);

    /// <summary>Writes one record; how many bytes that took.</summary>
    public int Write(Span<byte> destination, MessageRecord record, long offset)
    {
        BinaryPrimitives.WriteInt64BigEndian(_entry.AsSpan(Head.Length), offset);
        var properties = record.Properties;
        if (BasicPropertiesView.Read(properties).TryGetHeaders(out var headers) && headers.IndexOf(Key) >= 0)
        {
            // It came out of another stream.
            properties = BasicPropertiesEdit.WithoutHeader(properties, Key);
        }

        if (_properties.Length < properties.Length + MostAdded)
        {
            _properties = new byte[properties.Length + MostAdded];
        }

        var length = BasicPropertiesEdit.AddHeader(properties, _entry, _properties);
        var flags = (record.Flags & ~MessageFlags.HasExpiry) | MessageFlags.Persistent;
        var body = record.Body;
        var at = MessageRecord.WriteHead(
            destination, flags, record.Priority, expiry: 0, record.Exchange, record.RoutingKey, _properties.AsSpan(0, length), body.Length);
        body.CopyTo(destination[at..]);
        return at + body.Length;
    }
}
