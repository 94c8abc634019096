using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Streams;

/// <summary>Who reads a stream, and from where.</summary>
internal sealed partial class StreamQueue
{
    private void Attach(QueueLink link, AttachItem attach, long now)
    {
        var arguments = attach.Arguments.Decode();
        var isStart = StreamStart.TryRead(arguments, now, out var start);
        var error = Definition.CheckAccess(link.Connection)
            ?? (isStart ? null : ConsumerArguments.BadOffset(Definition, arguments))
            ?? ConsumerArguments.Check(Definition, arguments)
            ?? Refuse(attach)
            ?? (Find(link, attach.Consumer) is null ? null : new BrokerError(ReplyCode.NotAllowed, $"attempt to reuse consumer tag '{attach.Tag}'"));
        if (error is not null)
        {
            link.Send(new AttachedItem(attach.Consumer, error));
            return;
        }

        var cursor = new StreamCursor(link, attach, StreamFilter.Read(arguments));
        _cursors.Add(cursor);
        if (attach.Position > 0)
        {
            // What it read last, it says, however it began.
            Begin(cursor, StreamOffsets.OffsetOf(attach.Position));
            return;
        }

        switch (start.Kind)
        {
            case StreamStartKind.Next:
                Begin(cursor, _nextOffset);
                break;
            case StreamStartKind.First:
                Begin(cursor, _first);
                break;
            case StreamStartKind.Last:
                Begin(cursor, _lastBatch);
                break;
            case StreamStartKind.Offset:
                Begin(cursor, start.Value);
                break;
            default:
                BeginAt(cursor, start.Value);
                break;
        }
    }

    /// <summary>What RabbitMQ refuses (rabbit_stream_queue's consume), and a consumer that deliveries could not be told apart for.</summary>
    private BrokerError? Refuse(AttachItem attach) =>
        attach.Prefetch == 0 ? new BrokerError(ReplyCode.PreconditionFailed, $"consumer prefetch count is not set for stream {Kind}")
        : attach.NoAck ? new BrokerError(ReplyCode.NotImplemented, $"automatic acknowledgement not supported by stream {Kind}")
        : attach.Shared ? new BrokerError(ReplyCode.NotImplemented, $"{Kind} does not support global qos")
        : attach.Consumer > StreamOffsets.MostConsumers ? new BrokerError(
            ReplyCode.ResourceError, $"more than {StreamOffsets.MostConsumers} consumers were started over this connection: stream {Kind} needs another one")
        : null;

    /// <summary>It begins at an offset, or as near to it as there are messages. It is told where, so that it begins there again if this activation is lost.</summary>
    private void Begin(StreamCursor cursor, long offset)
    {
        cursor.MoveTo(Math.Clamp(offset, _first, _nextOffset));
        cursor.Link.Send(new AttachedItem(cursor.Number, null, Position: StreamOffsets.Tag(cursor.Number, cursor.Position)));
    }

    /// <summary>It begins with what came at a time or later.</summary>
    private void BeginAt(StreamCursor cursor, long time)
    {
        if (_tail.IsEmpty ? ReadyCount == 0 : _tail.First.Due < time || _tail.First.First <= _first)
        {
            Begin(cursor, _tail.IsEmpty ? _nextOffset : _tail.Find(time));
            return;
        }

        cursor.IsReading = true;
        _reads.Add(new StreamRead(cursor, _first, TailFirst, ReadBytes, time));
    }

    private StreamCursor? Find(QueueLink link, int number)
    {
        foreach (var cursor in _cursors)
        {
            if (cursor.Number == number && cursor.Link == link)
            {
                return cursor;
            }
        }

        return null;
    }

    private void Detach(QueueLink link, int number)
    {
        if (Find(link, number) is { } cursor)
        {
            cursor.Leave();
            _cursors.Remove(cursor);
        }
    }

    /// <summary>The link has consumers no more, and what they had is nobody's.</summary>
    private void LetGo(QueueLink link)
    {
        foreach (var cursor in _cursors.Where(cursor => cursor.Link == link).ToArray())
        {
            Detach(link, cursor.Number);
        }

        if (_unacked.Remove(link, out var unacked))
        {
            Figures.Settle(Settlement.Undelivered, unacked);
        }
    }
}
