namespace Granary.Amqp.Methods;

/// <summary>A method that can be read.</summary>
public interface IReadableMethod<TSelf> : IMethod
    where TSelf : struct, IReadableMethod<TSelf>
{
    /// <summary>Reads the fields.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes end before the fields do.</exception>
    static abstract TSelf Read(ref AmqpReader reader);
}
