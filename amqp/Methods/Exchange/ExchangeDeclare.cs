namespace Granary.Amqp.Methods;

/// <summary>Creates an exchange, or checks that it is there.</summary>
public readonly record struct ExchangeDeclare(
    string Exchange, string Type, bool Passive, bool Durable, bool AutoDelete, bool Internal, bool NoWait, FieldTable Arguments)
    : IReadableMethod<ExchangeDeclare>
{
    public uint Id => MethodId.ExchangeDeclare;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Exchange) + AmqpWriter.SizeOfShortString(Type) + AmqpWriter.SizeOfTable(Arguments);

    public static ExchangeDeclare Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var exchange = reader.ReadShortStringText();
        var type = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        var arguments = reader.ReadTable();
        return new ExchangeDeclare(exchange, type, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, (bits & 16) != 0, arguments);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(Type);
        writer.WriteBits(Passive, Durable, AutoDelete, Internal, NoWait);
        writer.WriteTable(Arguments);
    }
}
