namespace Granary.Amqp.Methods;

/// <summary>Announces the message, and how many more there are.</summary>
public readonly record struct BasicGetOk(
    ulong DeliveryTag, bool Redelivered, string Exchange, string RoutingKey, uint MessageCount)
    : IReadableMethod<BasicGetOk>
{
    public uint Id => MethodId.BasicGetOk;

    public int Size => 13 + AmqpWriter.SizeOfShortString(Exchange) + AmqpWriter.SizeOfShortString(RoutingKey);

    public static BasicGetOk Read(ref AmqpReader reader)
    {
        var deliveryTag = reader.ReadLongLong();
        var redelivered = reader.ReadBit();
        var exchange = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        var messageCount = reader.ReadLong();
        return new BasicGetOk(deliveryTag, redelivered, exchange, routingKey, messageCount);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Redelivered);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteLong(MessageCount);
    }
}
