using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>Where a reply is delivered to: one consumer of the pseudo-queue.</summary>
internal interface IReplyConsumer
{
    /// <summary>Takes a reply; not to be called under another connection's gate.</summary>
    void Receive(in MessageBatch reply);
}

/// <summary>All consumers of the direct reply-to pseudo-queue at this gateway: replies go to them with no queue on the way.</summary>
internal sealed class ReplyRegistry
{
    private readonly ConcurrentDictionary<Guid, (IReplyConsumer Consumer, string Address)> _consumers = new();

    /// <summary>Adds a consumer and returns the reply-to that its requests carry.</summary>
    public string Add(Guid id, IReplyConsumer consumer)
    {
        var address = ReplyAddress.Create(id);
        _consumers[id] = (consumer, address);
        return address;
    }

    public void Remove(Guid id) => _consumers.TryRemove(id, out _);

    public bool TryFind(ReadOnlySpan<byte> routingKey, [NotNullWhen(true)] out IReplyConsumer? consumer)
    {
        consumer = null;
        if (ReplyAddress.TryParse(routingKey, out var id) && _consumers.TryGetValue(id, out var found)
            && routingKey.SequenceEqual(System.Text.Encoding.UTF8.GetBytes(found.Address)))
        {
            consumer = found.Consumer;
        }

        return consumer is not null;
    }
}
