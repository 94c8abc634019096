namespace Granary.Amqp.Methods;

/// <summary>Limits how much is delivered ahead of acknowledgement.</summary>
public readonly record struct BasicQos(uint PrefetchSize, ushort PrefetchCount, bool Global) : IReadableMethod<BasicQos>
{
    public uint Id => MethodId.BasicQos;

    public int Size => 7;

    public static BasicQos Read(ref AmqpReader reader)
    {
        var prefetchSize = reader.ReadLong();
        var prefetchCount = reader.ReadShort();
        var global = reader.ReadBit();
        return new BasicQos(prefetchSize, prefetchCount, global);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteLong(PrefetchSize);
        writer.WriteShort(PrefetchCount);
        writer.WriteBit(Global);
    }
}
