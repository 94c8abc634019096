namespace Granary.Amqp.Methods;

/// <summary>Content is stopped or resumed.</summary>
public readonly record struct ChannelFlowOk(bool Active) : IReadableMethod<ChannelFlowOk>
{
    public uint Id => MethodId.ChannelFlowOk;

    public int Size => 1;

    public static ChannelFlowOk Read(ref AmqpReader reader) => new(reader.ReadBit());

    public void Write(ref AmqpWriter writer) => writer.WriteBit(Active);
}
