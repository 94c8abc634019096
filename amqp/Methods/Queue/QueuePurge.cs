namespace Granary.Amqp.Methods;

/// <summary>Removes the ready messages of a queue.</summary>
public readonly record struct QueuePurge(string Queue, bool NoWait) : IReadableMethod<QueuePurge>
{
    public uint Id => MethodId.QueuePurge;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Queue);

    public static QueuePurge Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var noWait = reader.ReadBit();
        return new QueuePurge(queue, noWait);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBit(NoWait);
    }
}
