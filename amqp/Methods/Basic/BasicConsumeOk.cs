namespace Granary.Amqp.Methods;

/// <summary>The consumer has started under this tag.</summary>
public readonly record struct BasicConsumeOk(string ConsumerTag) : IReadableMethod<BasicConsumeOk>
{
    public uint Id => MethodId.BasicConsumeOk;

    public int Size => AmqpWriter.SizeOfShortString(ConsumerTag);

    public static BasicConsumeOk Read(ref AmqpReader reader) => new(reader.ReadShortStringText());

    public void Write(ref AmqpWriter writer) => writer.WriteShortString(ConsumerTag);
}
