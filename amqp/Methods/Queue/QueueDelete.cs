namespace Granary.Amqp.Methods;

/// <summary>Deletes a queue.</summary>
public readonly record struct QueueDelete(string Queue, bool IfUnused, bool IfEmpty, bool NoWait) : IReadableMethod<QueueDelete>
{
    public uint Id => MethodId.QueueDelete;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Queue);

    public static QueueDelete Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        return new QueueDelete(queue, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBits(IfUnused, IfEmpty, NoWait);
    }
}
