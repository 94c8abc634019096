namespace Granary.Amqp.Methods;

/// <summary>Binds a queue to an exchange.</summary>
public readonly record struct QueueBind(
    string Queue, string Exchange, string RoutingKey, bool NoWait, FieldTable Arguments)
    : IReadableMethod<QueueBind>
{
    public uint Id => MethodId.QueueBind;

    public int Size => 3
        + AmqpWriter.SizeOfShortString(Queue)
        + AmqpWriter.SizeOfShortString(Exchange)
        + AmqpWriter.SizeOfShortString(RoutingKey)
        + AmqpWriter.SizeOfTable(Arguments);

    public static QueueBind Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var exchange = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        var noWait = reader.ReadBit();
        var arguments = reader.ReadTable();
        return new QueueBind(queue, exchange, routingKey, noWait, arguments);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}
