namespace Granary.Amqp.Methods;

/// <summary>The end of the connection is agreed.</summary>
public readonly record struct ConnectionCloseOk : IReadableMethod<ConnectionCloseOk>
{
    public uint Id => MethodId.ConnectionCloseOk;

    public int Size => 0;

    public static ConnectionCloseOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
