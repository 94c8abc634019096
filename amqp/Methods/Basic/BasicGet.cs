namespace Granary.Amqp.Methods;

/// <summary>Asks for one message.</summary>
public readonly record struct BasicGet(string Queue, bool NoAck) : IReadableMethod<BasicGet>
{
    public uint Id => MethodId.BasicGet;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Queue);

    public static BasicGet Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var noAck = reader.ReadBit();
        return new BasicGet(queue, noAck);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBit(NoAck);
    }
}
