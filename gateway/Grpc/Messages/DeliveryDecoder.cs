using System.Text;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.V1;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>
/// Records as deliveries. Messages repeat themselves, so the last names and properties are remembered; bodies are not copied, because records are
/// written once.
/// </summary>
internal sealed class DeliveryDecoder
{
    // Properties beyond this are hardly ever the same twice.
    private const int Remembered = 512;

    private readonly LastText _exchange = new();
    private readonly LastText _key = new();
    private byte[] _lastProperties = [];
    private BasicProperties? _properties;

    /// <summary>Adds all messages of a slice, with delivery tags from <paramref name="firstTag"/> on, or all with 0 if that is 0.</summary>
    public void Decode(in DeliverySlice slice, ulong firstTag, RepeatedField<Delivery> to)
    {
        var records = slice.Batch.Records;
        var tag = firstTag;
        for (var at = 0; at < records.Length;)
        {
            var delivery = Decode(records[at..], slice.Redelivered, out var length);
            delivery.DeliveryTag = tag;
            to.Add(delivery);
            tag += firstTag == 0 ? 0ul : 1;
            at += length;
        }
    }

    /// <summary>A message that stays in its queue.</summary>
    public BrowsedMessage ToBrowsed(Core.Topology.BrowsedMessage message) =>
        new() { Place = message.Place, Delivery = Decode(message.Record, message.Redelivered, out _) };

    /// <summary>A message that is delayed.</summary>
    public static DelayedMessage ToDelayed(Core.Topology.DelayedMessage message)
    {
        var record = new MessageRecord(message.Record);
        var delayed = new DelayedMessage
        {
            Id = message.Id,
            Due = message.Due,
            Exchange = Encoding.UTF8.GetString(record.Exchange),
            RoutingKey = Encoding.UTF8.GetString(record.RoutingKey),
            Body = BodyOf(message.Record, record),
        };
        if (PropertiesDecoding.Decode(record.Properties) is { } properties)
        {
            delayed.Properties = properties;
        }

        return delayed;
    }

    // The first of them, without a delivery tag.
    private Delivery Decode(ReadOnlyMemory<byte> records, bool redelivered, out int length)
    {
        var message = new MessageRecord(records.Span);
        length = message.Length;
        var delivery = new Delivery
        {
            Redelivered = redelivered,
            Exchange = _exchange.Get(message.Exchange),
            RoutingKey = _key.Get(message.RoutingKey),
            Body = BodyOf(records, message),
        };
        if (PropertiesOf(message.Properties) is { } properties)
        {
            delivery.Properties = properties;
        }

        return delivery;
    }

    private static ByteString BodyOf(ReadOnlyMemory<byte> records, MessageRecord message) =>
        UnsafeByteOperations.UnsafeWrap(records[(message.Length - message.Body.Length)..message.Length]);

    private BasicProperties? PropertiesOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.SequenceEqual(_lastProperties))
        {
            return _properties;
        }

        var properties = PropertiesDecoding.Decode(bytes);
        if (bytes.Length <= Remembered)
        {
            (_lastProperties, _properties) = (bytes.ToArray(), properties);
        }

        return properties;
    }

    private sealed class LastText
    {
        private byte[] _bytes = [];
        private string _text = "";

        public string Get(ReadOnlySpan<byte> bytes)
        {
            if (!bytes.SequenceEqual(_bytes))
            {
                (_bytes, _text) = (bytes.ToArray(), Encoding.UTF8.GetString(bytes));
            }

            return _text;
        }
    }
}
