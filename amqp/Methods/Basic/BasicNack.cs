namespace Granary.Amqp.Methods;

/// <summary>Refuses a delivery, or all up to it (RabbitMQ); with publisher confirms the server sends it, too.</summary>
public readonly record struct BasicNack(ulong DeliveryTag, bool Multiple, bool Requeue) : IReadableMethod<BasicNack>
{
    public uint Id => MethodId.BasicNack;

    public int Size => 9;

    public static BasicNack Read(ref AmqpReader reader)
    {
        var deliveryTag = reader.ReadLongLong();
        var bits = reader.ReadBits();
        return new BasicNack(deliveryTag, (bits & 1) != 0, (bits & 2) != 0);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBits(Multiple, Requeue);
    }
}
