namespace Granary.Amqp.Methods;

/// <summary>Removes a binding; alone among its kind it is always answered.</summary>
public readonly record struct QueueUnbind(string Queue, string Exchange, string RoutingKey, FieldTable Arguments) : IReadableMethod<QueueUnbind>
{
    public uint Id => MethodId.QueueUnbind;

    public int Size => 2
        + AmqpWriter.SizeOfShortString(Queue)
        + AmqpWriter.SizeOfShortString(Exchange)
        + AmqpWriter.SizeOfShortString(RoutingKey)
        + AmqpWriter.SizeOfTable(Arguments);

    public static QueueUnbind Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var exchange = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        var arguments = reader.ReadTable();
        return new QueueUnbind(queue, exchange, routingKey, arguments);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteTable(Arguments);
    }
}
