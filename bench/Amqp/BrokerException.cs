namespace Granary.Bench.Amqp;

/// <summary>The broker ended the conversation, or said something that is not AMQP.</summary>
internal sealed class BrokerException(string message, Exception? inner = null) : Exception(message, inner);
