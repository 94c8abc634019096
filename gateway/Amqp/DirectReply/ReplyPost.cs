using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>Replies that a connection's clients have published, until its gate is left: another connection's gate must not be taken under it.</summary>
internal sealed class ReplyPost
{
    private readonly List<(IReplyConsumer Consumer, MessageBatch Reply)> _replies = [];

    /// <summary>Under the gate.</summary>
    public void Add(IReplyConsumer consumer, in MessageBatch reply) => _replies.Add((consumer, reply));

    /// <summary>Outside of the gate, by who took it.</summary>
    public void Send()
    {
        if (_replies.Count == 0)
        {
            return;
        }

        foreach (var (consumer, reply) in _replies)
        {
            consumer.Receive(reply);
        }

        _replies.Clear();
    }
}
