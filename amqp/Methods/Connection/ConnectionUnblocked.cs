namespace Granary.Amqp.Methods;

/// <summary>The server reads from publishers again (RabbitMQ).</summary>
public readonly record struct ConnectionUnblocked : IReadableMethod<ConnectionUnblocked>
{
    public uint Id => MethodId.ConnectionUnblocked;

    public int Size => 0;

    public static ConnectionUnblocked Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
