namespace Granary.Amqp.Methods;

/// <summary>So many messages were removed.</summary>
public readonly record struct QueuePurgeOk(uint MessageCount) : IReadableMethod<QueuePurgeOk>
{
    public uint Id => MethodId.QueuePurgeOk;

    public int Size => 4;

    public static QueuePurgeOk Read(ref AmqpReader reader) => new(reader.ReadLong());

    public void Write(ref AmqpWriter writer) => writer.WriteLong(MessageCount);
}
