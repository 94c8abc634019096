namespace Granary.Amqp.Methods;

/// <summary>The queue is there, with so many ready messages and consumers.</summary>
public readonly record struct QueueDeclareOk(string Queue, uint MessageCount, uint ConsumerCount) : IReadableMethod<QueueDeclareOk>
{
    public uint Id => MethodId.QueueDeclareOk;

    public int Size => 8 + AmqpWriter.SizeOfShortString(Queue);

    public static QueueDeclareOk Read(ref AmqpReader reader)
    {
        var queue = reader.ReadShortStringText();
        var messageCount = reader.ReadLong();
        var consumerCount = reader.ReadLong();
        return new QueueDeclareOk(queue, messageCount, consumerCount);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShortString(Queue);
        writer.WriteLong(MessageCount);
        writer.WriteLong(ConsumerCount);
    }
}
