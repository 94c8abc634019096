namespace Granary.Amqp.Methods;

/// <summary>Binds an exchange to an exchange (RabbitMQ).</summary>
public readonly record struct ExchangeBind(
    string Destination, string Source, string RoutingKey, bool NoWait, FieldTable Arguments)
    : IReadableMethod<ExchangeBind>
{
    public uint Id => MethodId.ExchangeBind;

    public int Size => 3
        + AmqpWriter.SizeOfShortString(Destination)
        + AmqpWriter.SizeOfShortString(Source)
        + AmqpWriter.SizeOfShortString(RoutingKey)
        + AmqpWriter.SizeOfTable(Arguments);

    public static ExchangeBind Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var destination = reader.ReadShortStringText();
        var source = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        var noWait = reader.ReadBit();
        var arguments = reader.ReadTable();
        return new ExchangeBind(destination, source, routingKey, noWait, arguments);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Destination);
        writer.WriteShortString(Source);
        writer.WriteShortString(RoutingKey);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}
