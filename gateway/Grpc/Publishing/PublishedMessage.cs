using Granary.Gateway.Grpc.Access;
using Granary.V1;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>One <c>Message</c> of a request, in place: its texts and properties as they came.</summary>
internal readonly ref struct PublishedMessage
{
    private PublishedMessage(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> properties, bool hasProperties, Range body, bool mandatory)
    {
        Exchange = exchange;
        RoutingKey = routingKey;
        Properties = properties;
        HasProperties = hasProperties;
        Body = body;
        IsMandatory = mandatory;
    }

    public ReadOnlySpan<byte> Exchange { get; }

    public ReadOnlySpan<byte> RoutingKey { get; }

    /// <summary>The encoded <c>BasicProperties</c>, which may be empty though there are some.</summary>
    public ReadOnlySpan<byte> Properties { get; }

    public bool HasProperties { get; }

    /// <summary>Where the body is within the message.</summary>
    public Range Body { get; }

    public bool IsMandatory { get; }

    /// <exception cref="global::Grpc.Core.RpcException">502: malformed.</exception>
    public static PublishedMessage Read(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        ReadOnlySpan<byte> exchange = default, routingKey = default, properties = default;
        var (body, hasProperties, mandatory) = (0..0, false, false);
        while (reader.TryReadTag(out var field, out var type))
        {
            switch (field, type)
            {
                case (Message.ExchangeFieldNumber, WireType.LengthDelimited):
                    exchange = Text(reader.ReadBytes());
                    break;
                case (Message.RoutingKeyFieldNumber, WireType.LengthDelimited):
                    routingKey = Text(reader.ReadBytes());
                    break;
                case (Message.PropertiesFieldNumber, WireType.LengthDelimited):
                    // A message that comes in parts is its parts one behind the other (protobuf's encoding, "Last One Wins").
                    properties = hasProperties ? (byte[])[.. properties, .. reader.ReadBytes()] : reader.ReadBytes();
                    hasProperties = true;
                    break;
                case (Message.BodyFieldNumber, WireType.LengthDelimited):
                    var length = reader.ReadBytes().Length;
                    body = (reader.Position - length)..reader.Position;
                    break;
                case (Message.MandatoryFieldNumber, WireType.Varint):
                    mandatory = reader.ReadVarint() != 0;
                    break;
                default:
                    reader.Skip(field, type);
                    break;
            }
        }

        return new PublishedMessage(exchange, routingKey, properties, hasProperties, body, mandatory);
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> text) =>
        System.Text.Unicode.Utf8.IsValid(text) ? text : throw CallErrors.Malformed("a string is not UTF-8");
}
