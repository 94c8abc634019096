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

    private static readonly byte[] Entry = [.. Head, .. new byte[sizeof(long)]];

    // The properties of the record before, as they came and as they were written: a publisher's are mostly alike.
    private byte[] _came = [];
    private byte[] _properties = [];
    private int _length;
    private int _offsetAt;

    private static ReadOnlySpan<byte> Key => Head.AsSpan(1, 15);

    /// <summary>Writes one record; how many bytes that took.</summary>
    public int Write(Span<byte> destination, MessageRecord record, long offset)
    {
        if (_length == 0 || !record.Properties.SequenceEqual(_came))
        {
            Prepare(record.Properties);
        }

        BinaryPrimitives.WriteInt64BigEndian(_properties.AsSpan(_offsetAt), offset);
        var flags = (record.Flags & ~MessageFlags.HasExpiry) | MessageFlags.Persistent;
        var body = record.Body;
        var at = MessageRecord.WriteHead(
            destination, flags, record.Priority, expiry: 0, record.Exchange, record.RoutingKey, _properties.AsSpan(0, _length), body.Length);
        body.CopyTo(destination[at..]);
        return at + body.Length;
    }

    private void Prepare(ReadOnlySpan<byte> properties)
    {
        if (_came.Length == properties.Length)
        {
            properties.CopyTo(_came);
        }
        else
        {
            _came = properties.ToArray();
        }

        if (BasicPropertiesView.Read(properties).TryGetHeaders(out var headers) && headers.IndexOf(Key) >= 0)
        {
            // It came out of another stream.
            properties = BasicPropertiesEdit.WithoutHeader(properties, Key);
        }

        if (_properties.Length < properties.Length + MostAdded)
        {
            _properties = new byte[properties.Length + MostAdded];
        }

        _length = BasicPropertiesEdit.AddHeader(properties, Entry, _properties, out var end);
        _offsetAt = end - sizeof(long);
    }
}
