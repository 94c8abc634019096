using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;

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
        _paths = new PathFinder(Links, server.Router);
    }

    public Caller Caller { get; }

    public LinkSet Links { get; }

    public MessageEncoder NewEncoder() => new(Caller.User, _server.MaxMessageSize);

    /// <summary>Publishes and waits for the confirm.</summary>
    public async Task<PublishOutcome> PublishAsync(MessageEncoder message, CancellationToken cancellationToken)
    {
        await _server.WaitToPublishAsync(cancellationToken).ConfigureAwait(false);
        if (!Links.IsWithin(PublishLimits.SharedLinks))
        {
            await Links.WaitForRoomAsync(PublishLimits.SharedLinks.Half).WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        var record = new byte[message.Size];
        message.Write(record);
        var batch = new MessageBatch(record, 1, message.Flags);
        if (message.Exchange.IsEmpty && ReplyAddress.IsReplyKey(message.RoutingKey))
        {
            return await ReplyAsync(message, batch).WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        _paths.BeginMessages();
        var publish = new SinglePublish(Links.Counts);
        if (!TrySend(message, batch, publish, fetched: null))
        {
            TrySend(message, batch, publish, await message.FetchPathAsync(_paths, _server.GrainsFor(Caller, cancellationToken)).ConfigureAwait(false));
        }

        return await publish.Outcome.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    // A requester that is gone is as if its queue had been deleted.
    private Task<PublishOutcome> ReplyAsync(MessageEncoder message, in MessageBatch batch)
    {
        if (!_server.Replies.TryFind(message.RoutingKey, out var requester))
        {
            return Task.FromResult(PublishOutcome.Unrouted);
        }

        var publish = new SinglePublish(Links.Counts);
        var post = new ReplyPost(Links);
        lock (Links.Gate)
        {
            post.Add(requester, batch, new PublishRun(publish, 0, batch, mandatory: false, targets: 1));
        }

        post.Send();
        return publish.Outcome;
    }

    private bool TrySend(MessageEncoder message, in MessageBatch batch, SinglePublish publish, RoutePath? fetched)
    {
        lock (Links.Gate)
        {
            if (message.FindPath(_paths, fetched) is not { } path)
            {
                return false;
            }

            var run = new PublishRun(publish, 0, batch, mandatory: false, path.Links.Length);
            Links.Counts.Add(MessageEvent.Publish, 1);
            Publisher.Send(path, batch, run);
            if (path.Links.Length == 0)
            {
                run.Unroutable();
            }

            Links.Flush();
            return true;
        }
    }
}
