using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.Gateway.Tracing;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>
/// The links that a user's calls of one message share in a virtual host. They stay open as long as they are used, so that a call costs one
/// exchange with its queue, and calls made at the same time travel together.
/// </summary>
internal sealed class UnaryLinks
{
    private readonly GrpcServer _server;
    private readonly PathFinder _paths;

    public UnaryLinks(GrpcServer server, Caller caller)
    {
        (_server, Caller) = (server, caller);
        Links = server.Open(caller.Vhost);
        Rights = new ClientRights(caller.Access ?? server.Access, caller.User, caller.Vhost);
        _paths = new PathFinder(Links, server.Router, Rights);
        Rights.Follow(OnRightsChanged);
    }

    /// <summary>What the user may do.</summary>
    public ClientRights Rights { get; }

    public Caller Caller { get; }

    /// <summary>Null: the vhost is not traced.</summary>
    public ClientTrace? Trace { get; private set; }

    public LinkSet Links { get; }

    public MessageEncoder NewEncoder() => new(Caller.User, _server.MaxMessageSize);

    /// <summary>Publishes and waits for the confirm.</summary>
    public async Task<PublishOutcome> PublishAsync(MessageEncoder message, CancellationToken cancellationToken)
    {
        var outcome = await SendAsync(message, cancellationToken).ConfigureAwait(false);
        return await outcome.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Publishes. What is sent when it has been sent comes behind it.</summary>
    /// <returns>What is waited for to know the confirm.</returns>
    public async ValueTask<Task<PublishOutcome>> SendAsync(MessageEncoder message, CancellationToken cancellationToken)
    {
        await _server.WaitToPublishAsync(cancellationToken).ConfigureAwait(false);
        if (!Links.IsWithin(PublishLimits.SharedLinks))
        {
            await Links.WaitForRoomAsync(PublishLimits.SharedLinks.Half).WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        var record = new byte[message.Size];
        message.Write(record);
        var batch = new MessageBatch(record, 1, message.Flags);
        var publish = new SinglePublish(Links.Counts);
        RoutePath? fetched = null;
        _paths.BeginMessages();
        while (!TrySend(message, batch, publish, fetched))
        {
            fetched = await message.FetchPathAsync(_paths, _server.GrainsFor(Caller, cancellationToken)).ConfigureAwait(false);
        }

        return publish.Outcome;
    }

    private void OnRightsChanged()
    {
        bool isOver;
        lock (Links.Gate)
        {
            var now = _paths.TakeRights();
            isOver = now is { WhyClosed: not null };

            // The calls of many connections.
            Trace = now is null ? Trace : _server.Firehose?.For(Trace, now, static () => "gRPC");
        }

        if (isOver)
        {
            Rights.Leave();
            _server.Forget(this);
        }
    }

    private bool TrySend(MessageEncoder message, in MessageBatch batch, SinglePublish publish, RoutePath? fetched)
    {
        if (message.IsReply)
        {
            return TryReply(message, batch, publish);
        }

        lock (Links.Gate)
        {
            if (message.FindPath(_paths, fetched) is not { } path)
            {
                return false;
            }

            var sent = _server.Spans?.Published(batch, MessageSpans.Grpc, Links.Vhost) ?? batch;
            var run = new PublishRun(publish, 0, sent, mandatory: false, path.Links.Length);
            Links.Counts.Add(MessageEvent.Publish, 1);
            Trace?.Published(0, sent, path.Links);
            Publisher.Send(path, sent, run);
            if (path.Links.Length == 0)
            {
                run.Unroutable();
            }

            Links.Flush();
            return true;
        }
    }

    // A requester that is gone is as if its queue had been deleted.
    private bool TryReply(MessageEncoder message, in MessageBatch batch, SinglePublish publish)
    {
        var post = new ReplyPost(Links);
        lock (Links.Gate)
        {
            if (!message.TryCheckReply(_paths))
            {
                return false;
            }

            var run = new PublishRun(publish, 0, batch, mandatory: false, targets: 1);
            Trace?.Replied(0, batch);
            if (_server.Replies.TryFind(message.RoutingKey, out var requester))
            {
                post.Add(requester, batch, run);
            }
            else
            {
                run.Unroutable();
            }
        }

        post.Send();
        return true;
    }
}
