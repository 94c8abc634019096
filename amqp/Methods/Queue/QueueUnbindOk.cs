namespace Granary.Amqp.Methods;

/// <summary>The binding is gone.</summary>
public readonly record struct QueueUnbindOk : IReadableMethod<QueueUnbindOk>
{
    public uint Id => MethodId.QueueUnbindOk;

    public int Size => 0;

    public static QueueUnbindOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
