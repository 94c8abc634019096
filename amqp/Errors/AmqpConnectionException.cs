namespace Granary.Amqp;

/// <summary>An error that closes the whole connection.</summary>
public sealed class AmqpConnectionException(ReplyCode code, string? explanation = null, uint methodId = 0, Exception? inner = null)
    : AmqpException(code, explanation, methodId, inner);
