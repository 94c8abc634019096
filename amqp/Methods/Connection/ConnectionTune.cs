namespace Granary.Amqp.Methods;

/// <summary>The server proposes limits: frame size in octets, heartbeat in seconds, 0 for none.</summary>
public readonly record struct ConnectionTune(ushort ChannelMax, uint FrameMax, ushort Heartbeat) : IReadableMethod<ConnectionTune>
{
    public uint Id => MethodId.ConnectionTune;

    public int Size => 8;

    public static ConnectionTune Read(ref AmqpReader reader)
    {
        var channelMax = reader.ReadShort();
        var frameMax = reader.ReadLong();
        var heartbeat = reader.ReadShort();
        return new ConnectionTune(channelMax, frameMax, heartbeat);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(ChannelMax);
        writer.WriteLong(FrameMax);
        writer.WriteShort(Heartbeat);
    }
}
