namespace Granary.Amqp.Methods;

/// <summary>Announces a message to an exchange. On the hot path <see cref="BasicPublishView"/> reads it.</summary>
public readonly record struct BasicPublish(string Exchange, string RoutingKey, bool Mandatory, bool Immediate) : IReadableMethod<BasicPublish>
{
    public uint Id => MethodId.BasicPublish;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Exchange) + AmqpWriter.SizeOfShortString(RoutingKey);

    public static BasicPublish Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var exchange = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        return new BasicPublish(exchange, routingKey, (bits & 1) != 0, (bits & 2) != 0);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteBits(Mandatory, Immediate);
    }
}
