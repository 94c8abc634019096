using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Routing;
using Granary.Gateway.Tracing;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>One <c>PublishStream</c>.</summary>
internal sealed class PublishStreamSession : DuplexSession<PublishStreamPayload, PublishStreamResponse>
{
    private readonly MessageEncoder _encoder;
    private readonly PathFinder _paths;
    private readonly StreamConfirms _confirms;
    private readonly ChunkAllocator _chunks = new();
    private readonly ReplyPost _replies;
    private PublishPath? _path;
    private OpenBatch _open;
    private bool _isMandatory;
    private bool _allRead;

    public PublishStreamSession(
        GrpcServer server, Caller caller, IAsyncStreamReader<PublishStreamPayload> requests, IServerStreamWriter<PublishStreamResponse> responses,
        ServerCallContext context)
        : base(server, caller, requests, responses, context)
    {
        _encoder = new MessageEncoder(caller.User, server.MaxMessageSize);
        _paths = new PathFinder(Links, server.Router, Rights);
        _replies = new ReplyPost(Links);
        _confirms = new StreamConfirms(Wake, Links.Counts);
    }

    protected override bool IsComplete => _allRead && _confirms.IsEmpty;

    protected override async ValueTask OnRequestAsync(PublishStreamPayload request, CancellationToken cancellationToken)
    {
        using var payload = request;
        await Server.WaitToPublishAsync(cancellationToken).ConfigureAwait(false);
        _paths.BeginMessages();
        RoutePath? fetched = null;
        for (var all = !payload.MoveNext(); !all;)
        {
            try
            {
                lock (Links.Gate)
                {
                    all = Publish(payload, fetched);
                }
            }
            finally
            {
                _replies.Send();
            }

            if (!all)
            {
                fetched = await _encoder.FetchPathAsync(_paths, Server.GrainsFor(Caller, cancellationToken)).ConfigureAwait(false);
            }
        }

        // While so much is on its way the stream is not read: HTTP/2 holds the publisher.
        if (!Links.IsWithin(PublishLimits.Connection))
        {
            await Links.WaitForRoomAsync(PublishLimits.Connection.Half).WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        if (_replies.IsHeld)
        {
            await _replies.WaitForRoomAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        // Neither while the client does not take its answers.
        Task room;
        lock (Links.Gate)
        {
            room = _confirms.WaitForRoomAsync();
        }

        await room.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override ValueTask OnRequestsEndedAsync(CancellationToken cancellationToken)
    {
        lock (Links.Gate)
        {
            _allRead = true;
        }

        return ValueTask.CompletedTask;
    }

    protected override PublishStreamResponse? TakeResponse() => _confirms.Take();

    // From the current message on, to the end or to one whose way must be fetched first (false). What comes before a bad message counts.
    private bool Publish(PublishStreamPayload payload, RoutePath? fetched)
    {
        try
        {
            do
            {
                var isMandatory = _encoder.Read(payload.Current);
                if (_encoder.IsReply)
                {
                    if (!_encoder.TryCheckReply(_paths))
                    {
                        return false;
                    }

                    Seal();
                    Reply(isMandatory);
                }
                else if (_encoder.FindPath(_paths, fetched) is { } path)
                {
                    Add(path, isMandatory);
                }
                else
                {
                    return false;
                }

                fetched = null;
            }
            while (payload.MoveNext());
            return true;
        }
        finally
        {
            Seal();
            Links.Flush();
        }
    }

    private void Add(PublishPath path, bool mandatory)
    {
        var (array, start) = _chunks.Take(_encoder.Size);
        _encoder.Write(array.AsSpan(start));
        if (ReferenceEquals(path, _path) && mandatory == _isMandatory && _open.TryExtend(array, start, _encoder.Size, 1, _encoder.Flags))
        {
            return;
        }

        Seal();
        (_path, _open, _isMandatory) = (path, new OpenBatch(array, start, _encoder.Size, 1, _encoder.Flags), mandatory);
    }

    private void Seal()
    {
        if (_path is { } path)
        {
            var batch = _open.ToBatch();
            batch = Server.Spans?.Published(batch, MessageSpans.Grpc, Links.Vhost) ?? batch;
            Links.Counts.Add(MessageEvent.Publish, batch.Count);
            Trace?.Published(Number, batch, path.Links);
            Publisher.Send(path, batch, _confirms.Track(batch, _isMandatory, path.Links.Length));
            (_path, _open) = (null, default);
        }
    }

    // A requester that is gone is as if its queue had been deleted.
    private void Reply(bool mandatory)
    {
        var (array, start) = _chunks.Take(_encoder.Size);
        _encoder.Write(array.AsSpan(start));
        var batch = new MessageBatch(array.AsMemory(start, _encoder.Size), 1, _encoder.Flags);
        Links.Counts.Add(MessageEvent.Publish, 1);
        Trace?.Replied(Number, batch);
        if (Server.Replies.TryFind(_encoder.RoutingKey, out var requester))
        {
            _replies.Add(requester, batch, _confirms.Track(batch, mandatory, targets: 1));
        }
        else
        {
            _confirms.Track(batch, mandatory, targets: 0);
        }
    }
}
