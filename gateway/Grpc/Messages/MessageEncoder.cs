using Google.Protobuf;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Grpc.Access;
using Granary.V1;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>
/// One message of a request at a time, checked and ready to be written as a record. It is used again for the next one; not for two threads.
/// </summary>
internal sealed class MessageEncoder(string user, int maxMessageSize)
{
    private readonly byte[] _names = new byte[2 * AmqpWriter.MaxShortString];
    private readonly PropertiesEncoder _encoder = new();
    private readonly PublishedProperties _acted = new();
    private byte[] _properties = new byte[64];
    private byte[] _headers = [];
    private int _exchangeLength;
    private int _keyLength;
    private int _propertiesLength;
    private ByteString _body = ByteString.Empty;

    public ReadOnlySpan<byte> Exchange => _names.AsSpan(0, _exchangeLength);

    public ReadOnlySpan<byte> RoutingKey => _names.AsSpan(_exchangeLength, _keyLength);

    /// <summary>Further routing keys, from the headers CC and BCC.</summary>
    public ReadOnlyMemory<byte>[] Copies { get; private set; } = [];

    /// <summary>The headers to route by, as on the wire without their length.</summary>
    public ReadOnlySpan<byte> Headers => _acted.HasCopies ? _headers : HeadersOf(Properties);

    /// <summary>The record's length.</summary>
    public int Size { get; private set; }

    public MessageFlags Flags => _acted.Flags;

    private ReadOnlySpan<byte> Properties => _properties.AsSpan(0, _propertiesLength);

    /// <exception cref="AmqpException">502, 406: not acceptable.</exception>
    public void Read(Message? message)
    {
        if (message is null)
        {
            throw CallErrors.Invalid("message is missing");
        }

        _exchangeLength = ShortStrings.Write(message.Exchange, "exchange", _names);
        _keyLength = ShortStrings.Write(message.RoutingKey, "routing_key", _names.AsSpan(_exchangeLength));
        ReadContent(_encoder.Encode(message.Properties), message.Body);
    }

    /// <summary>A request of <c>Call</c>: with a correlation id and a reply address of the server's.</summary>
    public void ReadRequest(Message? message, ReadOnlySpan<byte> correlationId, ReadOnlySpan<byte> replyTo)
    {
        Read(message);
        var properties = BasicPropertiesEdit.WithText(Properties, BasicProperty.CorrelationId, correlationId);
        ReadContent(BasicPropertiesEdit.WithText(properties, BasicProperty.ReplyTo, replyTo), message!.Body);
    }

    /// <summary>A reply, to the default exchange, with the request's correlation id unless it has one of its own.</summary>
    public void ReadReply(ReadOnlySpan<byte> replyTo, ReadOnlySpan<byte> correlationId, bool hasCorrelationId, Reply reply)
    {
        _exchangeLength = 0;
        _keyLength = replyTo.Length;
        replyTo.CopyTo(_names);
        var properties = _encoder.Encode(reply.Properties);
        ReadContent(
            hasCorrelationId && reply.Properties is not { HasCorrelationId: true }
                ? BasicPropertiesEdit.WithText(properties, BasicProperty.CorrelationId, correlationId)
                : properties,
            reply.Body);
    }

    /// <summary>Writes the record; <paramref name="to"/> has <see cref="Size"/> bytes at least.</summary>
    public void Write(Span<byte> to)
    {
        var bodyAt = MessageRecord.WriteHead(to, _acted.Flags, _acted.Priority, _acted.Expiry, Exchange, RoutingKey, Properties, _body.Length);
        _body.Span.CopyTo(to[bodyAt..]);
    }

    private void ReadContent(ReadOnlySpan<byte> properties, ByteString body)
    {
        if (body.Length > maxMessageSize)
        {
            throw CallErrors.Precondition($"message size {body.Length} is larger than configured max size {maxMessageSize}");
        }

        _acted.Read(properties, user);
        if (_acted.WantsDirectReply)
        {
            throw CallErrors.Precondition("fast reply consumer does not exist");
        }

        if (_acted.HasCopies)
        {
            _headers = HeadersOf(properties).ToArray();
            Copies = [.. CopyKeys.Read(_headers)];
            properties = BasicPropertiesEdit.WithoutHeader(properties, "BCC"u8);
        }
        else
        {
            Copies = [];
        }

        Keep(properties);
        _body = body;
        Size = (int)MessageRecord.SizeOf(
            (_acted.Flags & MessageFlags.HasExpiry) != 0, _exchangeLength, _keyLength, properties.Length, body.Length);
    }

    private void Keep(ReadOnlySpan<byte> properties)
    {
        if (_properties.Length < properties.Length)
        {
            _properties = new byte[properties.Length];
        }

        properties.CopyTo(_properties);
        _propertiesLength = properties.Length;
    }

    private static ReadOnlySpan<byte> HeadersOf(ReadOnlySpan<byte> properties)
    {
        BasicPropertiesView.Read(properties).TryGetHeaders(out var headers);
        return headers;
    }
}
