namespace Granary.Amqp.Methods;

/// <summary>Refuses a delivery.</summary>
public readonly record struct BasicReject(ulong DeliveryTag, bool Requeue) : IReadableMethod<BasicReject>
{
    public uint Id => MethodId.BasicReject;

    public int Size => 9;

    public static BasicReject Read(ref AmqpReader reader)
    {
        var deliveryTag = reader.ReadLongLong();
        var requeue = reader.ReadBit();
        return new BasicReject(deliveryTag, requeue);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Requeue);
    }
}
