using Google.Protobuf;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.V1;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>
/// One message of a request at a time, checked and ready to be written as a record. It is used again for the next one; not for two threads.
/// </summary>
internal sealed class MessageEncoder(string user, int maxMessageSize)
{
    // Properties beyond this are hardly ever the same twice.
    private const int Remembered = 512;

    private readonly byte[] _names = new byte[2 * AmqpWriter.MaxShortString];
    private readonly PropertiesEncoder _encoder = new();
    private readonly PublishedProperties _acted = new();
    private byte[] _properties = new byte[64];
    private int _exchangeLength;
    private int _keyLength;
    private int _propertiesLength;
    private ReadOnlyMemory<byte> _body;
    private string? _claimedUser;

    // Of the last message that came as it was encoded by its client: publishers repeat themselves.
    private byte[] _lastProperties = [];
    private bool _isLast;

    public ReadOnlySpan<byte> Exchange => _names.AsSpan(0, _exchangeLength);

    public ReadOnlySpan<byte> RoutingKey => _names.AsSpan(_exchangeLength, _keyLength);

    /// <summary>It goes to who waits for it, not to a queue.</summary>
    public bool IsReply => _exchangeLength == 0 && ReplyAddress.IsReplyKey(RoutingKey);

    /// <summary>Further routing keys, from the headers CC and BCC.</summary>
    public ReadOnlyMemory<byte>[] Copies { get; private set; } = [];

    /// <summary>The record's length.</summary>
    public int Size { get; private set; }

    public MessageFlags Flags { get; private set; }

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
        ReadContent(_encoder.Encode(message.Properties), message.Body.Memory);
    }

    /// <summary>A message as its client encoded it.</summary>
    /// <param name="message">Is kept until the record is written.</param>
    /// <returns>Whether it is mandatory.</returns>
    /// <exception cref="AmqpException">502, 406: not acceptable.</exception>
    /// <exception cref="global::Grpc.Core.RpcException">502: malformed.</exception>
    public bool Read(ReadOnlyMemory<byte> message)
    {
        var read = PublishedMessage.Read(message.Span);
        _exchangeLength = ShortStrings.Copy(read.Exchange, "exchange", _names);
        _keyLength = ShortStrings.Copy(read.RoutingKey, "routing_key", _names.AsSpan(_exchangeLength));
        var body = message[read.Body];
        if (_isLast && Copies.Length == 0 && read.Properties.SequenceEqual(_lastProperties))
        {
            SetBody(body);
            return read.IsMandatory;
        }

        _isLast = false;
        ReadContent(_encoder.Encode(read.HasProperties ? Parse(read.Properties) : null), body);
        if (read.Properties.Length <= Remembered)
        {
            (_lastProperties, _isLast) = (read.Properties.ToArray(), true);
        }

        return read.IsMandatory;
    }

    /// <summary>A request of <c>Call</c>: with a correlation id and a reply address of the server's.</summary>
    public void ReadRequest(Message? message, ReadOnlySpan<byte> correlationId, ReadOnlySpan<byte> replyTo)
    {
        Read(message);
        var properties = BasicPropertiesEdit.WithText(Properties, BasicProperty.CorrelationId, correlationId);
        ReadContent(BasicPropertiesEdit.WithText(properties, BasicProperty.ReplyTo, replyTo), message!.Body.Memory);
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
            reply.Body.Memory);
    }

    /// <summary>A message that a queue has, to another queue and no further one, whatever keys it has besides. Nothing of it changes: whose it is was looked at when it was published.</summary>
    /// <param name="record">Is kept until the record is written.</param>
    /// <exception cref="AmqpException">502: no queue has such a name.</exception>
    public void ReadMoved(ReadOnlyMemory<byte> record, string queue)
    {
        var message = new MessageRecord(record.Span);
        _exchangeLength = 0;
        _keyLength = ShortStrings.Write(queue, "queue", _names);
        _isLast = false;
        _acted.Read(message.Properties, user);
        (Flags, _claimedUser, Copies) = (_acted.Flags | MessageFlags.SingleKey, null, []);
        Keep(message.Properties);
        Take(record[(message.Length - message.Body.Length)..message.Length]);
    }

    /// <summary>Under the gate. Null: <see cref="FetchPathAsync"/> first, and come again with what it found.</summary>
    /// <exception cref="global::Grpc.Core.RpcException">404, 403: the message cannot be published.</exception>
    public PublishPath? FindPath(PathFinder paths, RoutePath? fetched = null)
    {
        if (Copies.Length == 0 && paths.TryRecall(Exchange, RoutingKey, out var path))
        {
            CheckUser(paths, isAllowed: true);
            return path;
        }

        path = paths.Find(Exchange, RoutingKey, Copies, Properties, fetched, out var error);
        CallErrors.ThrowIf(error);
        CheckUser(paths, isAllowed: path is not null);
        return path;
    }

    /// <summary>Under the gate, instead of <see cref="FindPath"/>. False: <see cref="FetchPathAsync"/> first, and come again.</summary>
    /// <exception cref="global::Grpc.Core.RpcException">403: the message cannot be published.</exception>
    public bool TryCheckReply(PathFinder paths)
    {
        if (!paths.TryCheckPublish(Exchange, out var refusal))
        {
            return false;
        }

        CallErrors.ThrowIf(refusal);
        CheckUser(paths, isAllowed: true);
        return true;
    }

    private void CheckUser(PathFinder paths, bool isAllowed)
    {
        if (isAllowed && _claimedUser is { } claimed)
        {
            CallErrors.ThrowIf(paths.CheckUser(claimed));
        }
    }

    /// <summary>Outside of the gate: asks the exchanges. The answer holds for this one message only.</summary>
    public ValueTask<RoutePath> FetchPathAsync(PathFinder paths, GrainCalls grains) => paths.FetchAsync(Exchange, RoutingKey, Copies, Properties, grains);

    /// <summary>Writes the record; <paramref name="to"/> has <see cref="Size"/> bytes at least.</summary>
    public void Write(Span<byte> to)
    {
        var bodyAt = MessageRecord.WriteHead(to, Flags, _acted.Priority, _acted.Expiry, Exchange, RoutingKey, Properties, _body.Length);
        _body.Span.CopyTo(to[bodyAt..]);
    }

    private static V1.BasicProperties Parse(ReadOnlySpan<byte> properties)
    {
        try
        {
            return V1.BasicProperties.Parser.ParseFrom(properties);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw CallErrors.Malformed(exception.Message);
        }
    }

    private void ReadContent(ReadOnlySpan<byte> properties, ReadOnlyMemory<byte> body)
    {
        _isLast = false;
        _acted.Read(properties, user);
        if (_acted.WantsDirectReply)
        {
            throw CallErrors.Precondition("fast reply consumer does not exist");
        }

        if (_acted.HasCopies)
        {
            BasicPropertiesView.Read(properties).TryGetHeaders(out var headers);
            Copies = [.. CopyKeys.Read(headers)];
            properties = BasicPropertiesEdit.WithoutHeader(properties, "BCC"u8);
        }
        else
        {
            Copies = [];
        }

        (Flags, _claimedUser) = (_acted.Flags, _acted.ClaimedUser);
        Keep(properties);
        SetBody(body);
    }

    private void SetBody(ReadOnlyMemory<byte> body)
    {
        if (body.Length > maxMessageSize)
        {
            throw CallErrors.Precondition($"message size {body.Length} is larger than configured max size {maxMessageSize}");
        }

        Take(body);
    }

    private void Take(ReadOnlyMemory<byte> body)
    {
        _body = body;
        Size = (int)MessageRecord.SizeOf((Flags & MessageFlags.HasExpiry) != 0, _exchangeLength, _keyLength, _propertiesLength, body.Length);
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
}
