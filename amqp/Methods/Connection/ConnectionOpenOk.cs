namespace Granary.Amqp.Methods;

/// <summary>The connection is ready.</summary>
public readonly record struct ConnectionOpenOk : IReadableMethod<ConnectionOpenOk>
{
    public uint Id => MethodId.ConnectionOpenOk;

    public int Size => 1;

    public static ConnectionOpenOk Read(ref AmqpReader reader)
    {
        reader.ReadShortString();
        return default;
    }

    public void Write(ref AmqpWriter writer) => writer.WriteShortString([]);
}
