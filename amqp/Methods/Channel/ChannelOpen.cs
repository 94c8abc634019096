namespace Granary.Amqp.Methods;

/// <summary>Opens the channel of this frame.</summary>
public readonly record struct ChannelOpen : IReadableMethod<ChannelOpen>
{
    public uint Id => MethodId.ChannelOpen;

    public int Size => 1;

    public static ChannelOpen Read(ref AmqpReader reader)
    {
        reader.ReadShortString();
        return default;
    }

    public void Write(ref AmqpWriter writer) => writer.WriteShortString([]);
}
