namespace Granary.Amqp;

/// <summary>An error that closes one channel; raised on channel 0 it closes the connection.</summary>
public sealed class AmqpChannelException(ReplyCode code, string? explanation = null, uint methodId = 0, Exception? inner = null)
    : AmqpException(code, explanation, methodId, inner);
