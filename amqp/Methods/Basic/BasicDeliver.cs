namespace Granary.Amqp.Methods;

/// <summary>Announces a message to a consumer. On the hot path <see cref="BasicDeliverView"/> reads and writes it.</summary>
public readonly record struct BasicDeliver(
    string ConsumerTag, ulong DeliveryTag, bool Redelivered, string Exchange, string RoutingKey)
    : IReadableMethod<BasicDeliver>
{
    public uint Id => MethodId.BasicDeliver;

    public int Size => 9
        + AmqpWriter.SizeOfShortString(ConsumerTag)
        + AmqpWriter.SizeOfShortString(Exchange)
        + AmqpWriter.SizeOfShortString(RoutingKey);

    public static BasicDeliver Read(ref AmqpReader reader)
    {
        var consumerTag = reader.ReadShortStringText();
        var deliveryTag = reader.ReadLongLong();
        var redelivered = reader.ReadBit();
        var exchange = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        return new BasicDeliver(consumerTag, deliveryTag, redelivered, exchange, routingKey);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShortString(ConsumerTag);
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Redelivered);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
    }
}
