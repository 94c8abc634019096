namespace Granary.Amqp.Methods;

/// <summary>The client fixes the limits: frame size in octets, heartbeat in seconds, 0 for none.</summary>
public readonly record struct ConnectionTuneOk(ushort ChannelMax, uint FrameMax, ushort Heartbeat) : IReadableMethod<ConnectionTuneOk>
{
    public uint Id => MethodId.ConnectionTuneOk;

    public int Size => 8;

    public static ConnectionTuneOk Read(ref AmqpReader reader)
    {
        var channelMax = reader.ReadShort();
        var frameMax = reader.ReadLong();
        var heartbeat = reader.ReadShort();
        return new ConnectionTuneOk(channelMax, frameMax, heartbeat);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(ChannelMax);
        writer.WriteLong(FrameMax);
        writer.WriteShort(Heartbeat);
    }
}
