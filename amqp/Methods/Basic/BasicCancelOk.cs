namespace Granary.Amqp.Methods;

/// <summary>The consumer has ended.</summary>
public readonly record struct BasicCancelOk(string ConsumerTag) : IReadableMethod<BasicCancelOk>
{
    public uint Id => MethodId.BasicCancelOk;

    public int Size => AmqpWriter.SizeOfShortString(ConsumerTag);

    public static BasicCancelOk Read(ref AmqpReader reader) => new(reader.ReadShortStringText());

    public void Write(ref AmqpWriter writer) => writer.WriteShortString(ConsumerTag);
}
