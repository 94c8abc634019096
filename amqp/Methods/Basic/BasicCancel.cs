namespace Granary.Amqp.Methods;

/// <summary>Ends a consumer; the server sends it, too, when a queue is gone (RabbitMQ).</summary>
public readonly record struct BasicCancel(string ConsumerTag, bool NoWait) : IReadableMethod<BasicCancel>
{
    public uint Id => MethodId.BasicCancel;

    public int Size => 1 + AmqpWriter.SizeOfShortString(ConsumerTag);

    public static BasicCancel Read(ref AmqpReader reader)
    {
        var consumerTag = reader.ReadShortStringText();
        var noWait = reader.ReadBit();
        return new BasicCancel(consumerTag, noWait);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShortString(ConsumerTag);
        writer.WriteBit(NoWait);
    }
}
