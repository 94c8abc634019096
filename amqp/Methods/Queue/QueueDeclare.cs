namespace Granary.Amqp.Methods;

/// <summary>Creates a queue, or checks that it is there.</summary>
public readonly record struct QueueDeclare(
    string Queue, bool Passive, bool Durable, bool Exclusive, bool AutoDelete, bool NoWait, FieldTable Arguments)
    : IReadableMethod<QueueDeclare>
{
    public uint Id => MethodId.QueueDeclare;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Queue) + AmqpWriter.SizeOfTable(Arguments);

    public static QueueDeclare Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        var arguments = reader.ReadTable();
        return new QueueDeclare(queue, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, (bits & 16) != 0, arguments);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBits(Passive, Durable, Exclusive, AutoDelete, NoWait);
        writer.WriteTable(Arguments);
    }
}
