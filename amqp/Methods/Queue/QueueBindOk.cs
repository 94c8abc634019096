namespace Granary.Amqp.Methods;

/// <summary>The queue is bound.</summary>
public readonly record struct QueueBindOk : IReadableMethod<QueueBindOk>
{
    public uint Id => MethodId.QueueBindOk;

    public int Size => 0;

    public static QueueBindOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
