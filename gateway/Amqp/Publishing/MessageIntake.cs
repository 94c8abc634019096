using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Routing;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>What one channel publishes, from basic.publish to the last body frame: then the message goes to the connection's publisher.</summary>
internal sealed class MessageIntake(AmqpChannel channel, PublishOutcomes outcomes)
{
    private readonly ContentAssembler _content = new();
    private readonly PublishedProperties _properties = new();
    private ReplyTarget? _replyTarget;
    private RoutePath? _fetchedRoute;

    /// <summary>Where the message on its way in has got to.</summary>
    public ContentAssembler Content => _content;

    private AmqpConnection Connection => channel.Connection;

    public void OnMethod(in BasicPublishView method)
    {
        if (method.Immediate)
        {
            throw new AmqpConnectionException(ReplyCode.NotImplemented, "immediate=true", MethodId.BasicPublish);
        }

        _content.OnMethod(method.Exchange, method.RoutingKey, method.Mandatory);
    }

    /// <summary>Finds where the message goes; false when the frame must be handled again after the operation that was begun.</summary>
    public bool OnHeader(ReadOnlySpan<byte> payload)
    {
        if (!Connection.MayRoute(channel))
        {
            return false;
        }

        var header = ContentHeader.Read(payload);
        if (header.ClassId != MethodId.BasicClass)
        {
            throw new AmqpConnectionException(
                ReplyCode.UnexpectedFrame, $"expected content header for class 60, got one for class {header.ClassId} instead", MethodId.BasicPublish);
        }

        if (header.BodySize > (ulong)Connection.Options.MaxMessageSize)
        {
            throw new AmqpChannelException(
                ReplyCode.PreconditionFailed,
                $"message size {header.BodySize} is larger than configured max size {Connection.Options.MaxMessageSize}", MethodId.BasicPublish);
        }

        var properties = header.Properties;
        var wrong = ReadProperties(properties);
        if (FindPath(properties, ref wrong) is not { } path)
        {
            return false;
        }

        if (_properties.WantsDirectReply)
        {
            properties = WithReplyAddress(properties);
        }

        // Who may not publish there, or to what is not there, has heard of that first (rabbit_channel).
        if (wrong is not null)
        {
            throw wrong;
        }

        if (_properties.ClaimedUser is { } claimed)
        {
            AmqpChannel.Check(Connection.Paths.CheckUser(claimed), MethodId.BasicPublish);
        }

        if (_properties.HasCopies)
        {
            properties = BasicPropertiesEdit.WithoutHeader(properties, "BCC"u8);
        }

        Connection.NotePublished();
        if (!_content.TryLayOut(Connection.Publisher.Chunks, path, _properties, properties, (int)header.BodySize))
        {
            Connection.BeginWaitForMemory(channel);
            return false;
        }

        if (_content.IsIdle)
        {
            Complete();
        }

        return true;
    }

    /// <summary>Takes a whole body frame; false when it must be handled again after the operation that was begun.</summary>
    public bool OnBody(ReadOnlySpan<byte> payload)
    {
        if (!TryMakeRoom(payload.Length))
        {
            return false;
        }

        if (_content.OnBody(payload))
        {
            Complete();
        }

        return true;
    }

    /// <summary>Gets memory for so many octets of the frame on its way in; false when they must be handled after the operation that was begun.</summary>
    public bool TryMakeRoom(int count)
    {
        if (_content.TryMakeRoom(count, Connection.HasTurn))
        {
            return true;
        }

        Connection.BeginWaitForMemory(channel);
        return false;
    }

    /// <summary>A body frame has ended that went to <see cref="Content"/> in parts.</summary>
    public void OnBodyEnd()
    {
        if (_content.EndFrame())
        {
            Complete();
        }
    }

    private void Complete()
    {
        Connection.EndTurn();
        if (_replyTarget is { } target)
        {
            _replyTarget = null;
            Connection.Publisher.Seal();
            var reply = new MessageBatch(_content.Record, 1, _content.Flags);
            outcomes.CountPublished(1);
            Connection.Trace?.Replied(channel.Number, reply);
            Connection.Reply(target, reply, outcomes.Track(reply, _content.IsMandatory, targets: 1));
        }
        else if (_content.Large is { } large)
        {
            Connection.Publisher.Add(outcomes, _content.Path!, large, _content.Length, _content.Flags, _content.IsMandatory);
        }
        else
        {
            Connection.Publisher.Add(outcomes, _content.Path!, _content.Array, _content.Start, _content.Length, _content.Flags, _content.IsMandatory);
        }

        _content.Release();
    }

    // What a value is refused with, or null.
    private AmqpChannelException? ReadProperties(ReadOnlySpan<byte> properties)
    {
        try
        {
            _properties.Read(properties, Connection.Terms.User);
            return null;
        }
        catch (AmqpChannelException refusal)
        {
            return refusal;
        }
    }

    // Null: a snapshot, or what the client may do, must be fetched first, an operation for that has begun.
    private PublishPath? FindPath(ReadOnlySpan<byte> properties, ref AmqpChannelException? wrong)
    {
        var exchange = _content.Exchange;
        var key = _content.RoutingKey;
        if (exchange.IsEmpty && ReplyAddress.IsReplyKey(key))
        {
            _fetchedRoute = null;
            if (!Connection.Paths.TryCheckPublish(exchange, out var refusal))
            {
                Connection.Begin(channel, FetchAsync(Connection.Paths.FetchAsync(exchange, key, [], default, Connection.Grains)));
                return null;
            }

            AmqpChannel.Check(refusal, MethodId.BasicPublish);

            // A requester that is gone is as if its queue had been deleted.
            _replyTarget = Connection.Replies.TryFind(key, out var target) ? target : null;
            return PublishPath.Nowhere;
        }

        if (!_properties.HasCopies && Connection.Paths.TryRecall(exchange, key, out var path))
        {
            return path;
        }

        var copies = wrong is null && _properties.HasCopies ? ReadCopies(properties, out wrong) : [];
        path = Connection.Paths.Find(exchange, key, copies, properties, Interlocked.Exchange(ref _fetchedRoute, null), out var error);
        AmqpChannel.Check(error, MethodId.BasicPublish);
        if (path is null)
        {
            Connection.Begin(channel, FetchAsync(Connection.Paths.FetchAsync(exchange, key, copies, properties, Connection.Grains)));
        }

        return path;
    }

    private static ReadOnlyMemory<byte>[] ReadCopies(ReadOnlySpan<byte> properties, out AmqpChannelException? wrong)
    {
        wrong = null;
        try
        {
            return BasicPropertiesView.Read(properties).TryGetHeaders(out var headers) ? CopyKeys.Read(headers) : [];
        }
        catch (AmqpChannelException refusal)
        {
            wrong = refusal;
            return [];
        }
    }

    // The header frame is handled again after this, and takes the route from here.
    private async ValueTask FetchAsync(ValueTask<RoutePath> route) => _fetchedRoute = await route.ConfigureAwait(false);

    private byte[] WithReplyAddress(ReadOnlySpan<byte> properties)
    {
        if (channel.AddressForReplies is not { } address)
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, "fast reply consumer does not exist", MethodId.BasicPublish);
        }

        return BasicPropertiesEdit.WithText(properties, BasicProperty.ReplyTo, address);
    }
}
