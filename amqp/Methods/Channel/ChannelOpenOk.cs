namespace Granary.Amqp.Methods;

/// <summary>The channel is open.</summary>
public readonly record struct ChannelOpenOk : IReadableMethod<ChannelOpenOk>
{
    public uint Id => MethodId.ChannelOpenOk;

    public int Size => 4;

    public static ChannelOpenOk Read(ref AmqpReader reader)
    {
        reader.ReadLongString();
        return default;
    }

    public void Write(ref AmqpWriter writer) => writer.WriteLongString([]);
}
