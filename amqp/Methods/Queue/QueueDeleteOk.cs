namespace Granary.Amqp.Methods;

/// <summary>The queue is gone with so many messages.</summary>
public readonly record struct QueueDeleteOk(uint MessageCount) : IReadableMethod<QueueDeleteOk>
{
    public uint Id => MethodId.QueueDeleteOk;

    public int Size => 4;

    public static QueueDeleteOk Read(ref AmqpReader reader) => new(reader.ReadLong());

    public void Write(ref AmqpWriter writer) => writer.WriteLong(MessageCount);
}
