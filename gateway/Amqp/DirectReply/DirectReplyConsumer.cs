using Granary.Core.Messages;
using Granary.Gateway.Amqp.Delivering;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>A channel's consumer of the pseudo-queue <c>amq.rabbitmq.reply-to</c>.</summary>
internal sealed class DirectReplyConsumer : IReplyConsumer
{
    public DirectReplyConsumer(AmqpConsumer consumer, ReplyRegistry registry)
    {
        Consumer = consumer;
        AddressBytes = registry.Add(Id, this);
    }

    public Guid Id { get; } = Guid.NewGuid();

    public AmqpConsumer Consumer { get; }

    /// <summary>What requests of this channel carry as reply-to.</summary>
    public byte[] AddressBytes { get; }

    public void Receive(in MessageBatch reply) => Consumer.Channel.Connection.Push(Consumer, reply);
}
