namespace Granary.Amqp.Methods;

/// <summary>Stops or resumes content on the channel.</summary>
public readonly record struct ChannelFlow(bool Active) : IReadableMethod<ChannelFlow>
{
    public uint Id => MethodId.ChannelFlow;

    public int Size => 1;

    public static ChannelFlow Read(ref AmqpReader reader) => new(reader.ReadBit());

    public void Write(ref AmqpWriter writer) => writer.WriteBit(Active);
}
