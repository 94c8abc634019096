using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>Where a reply is delivered to: one consumer of the pseudo-queue.</summary>
internal interface IReplyConsumer
{
    /// <summary>Takes a reply, or several; not to be called under another connection's gate.</summary>
    void Receive(in MessageBatch reply);
}

/// <summary>Whom a reply goes to: a client of this gateway, or the gateway whose client it is.</summary>
internal readonly record struct ReplyTarget(IReplyConsumer? Consumer, ReplyRoute? Route);
