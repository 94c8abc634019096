using Granary.Core.Messages;
using Granary.Gateway.Amqp.DirectReply;

namespace Granary.Gateway.Grpc.Calling;

/// <summary>One <c>Call</c> that waits for its reply, under a reply address of its own.</summary>
internal sealed class PendingCall : IReplyConsumer, IDisposable
{
    private readonly TaskCompletionSource<MessageBatch> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ReplyRegistry _registry;
    private readonly Guid _id = Guid.NewGuid();

    public PendingCall(ReplyRegistry registry)
    {
        _registry = registry;
        Address = registry.Add(_id, this);
    }

    /// <summary>What the request carries as reply-to.</summary>
    public byte[] Address { get; }

    /// <summary>The first reply; others are dropped.</summary>
    public Task<MessageBatch> Reply => _reply.Task;

    public void Receive(in MessageBatch reply) => _reply.TrySetResult(reply);

    public void Dispose() => _registry.Remove(_id);
}
