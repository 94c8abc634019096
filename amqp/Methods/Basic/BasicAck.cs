namespace Granary.Amqp.Methods;

/// <summary>Settles a delivery, or all up to it; with publisher confirms the server sends it, too.</summary>
public readonly record struct BasicAck(ulong DeliveryTag, bool Multiple) : IReadableMethod<BasicAck>
{
    public uint Id => MethodId.BasicAck;

    public int Size => 9;

    public static BasicAck Read(ref AmqpReader reader)
    {
        var deliveryTag = reader.ReadLongLong();
        var multiple = reader.ReadBit();
        return new BasicAck(deliveryTag, multiple);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Multiple);
    }
}
