namespace Granary.Amqp.Methods;

/// <summary>The end of the channel is agreed.</summary>
public readonly record struct ChannelCloseOk : IReadableMethod<ChannelCloseOk>
{
    public uint Id => MethodId.ChannelCloseOk;

    public int Size => 0;

    public static ChannelCloseOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
