namespace Granary.Amqp.Methods;

/// <summary>The limit holds.</summary>
public readonly record struct BasicQosOk : IReadableMethod<BasicQosOk>
{
    public uint Id => MethodId.BasicQosOk;

    public int Size => 0;

    public static BasicQosOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
