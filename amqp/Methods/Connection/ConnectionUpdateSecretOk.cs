namespace Granary.Amqp.Methods;

/// <summary>The new credential is accepted (RabbitMQ).</summary>
public readonly record struct ConnectionUpdateSecretOk : IReadableMethod<ConnectionUpdateSecretOk>
{
    public uint Id => MethodId.ConnectionUpdateSecretOk;

    public int Size => 0;

    public static ConnectionUpdateSecretOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
