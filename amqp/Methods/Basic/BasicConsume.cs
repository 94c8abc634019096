namespace Granary.Amqp.Methods;

/// <summary>Starts a consumer.</summary>
public readonly record struct BasicConsume(
    string Queue, string ConsumerTag, bool NoLocal, bool NoAck, bool Exclusive, bool NoWait, FieldTable Arguments)
    : IReadableMethod<BasicConsume>
{
    public uint Id => MethodId.BasicConsume;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Queue) + AmqpWriter.SizeOfShortString(ConsumerTag) + AmqpWriter.SizeOfTable(Arguments);

    public static BasicConsume Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var queue = reader.ReadShortStringText();
        var consumerTag = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        var arguments = reader.ReadTable();
        return new BasicConsume(queue, consumerTag, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, arguments);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteShortString(ConsumerTag);
        writer.WriteBits(NoLocal, NoAck, Exclusive, NoWait);
        writer.WriteTable(Arguments);
    }
}
