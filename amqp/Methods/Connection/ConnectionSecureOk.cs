namespace Granary.Amqp.Methods;

/// <summary>The client answers a challenge.</summary>
public readonly record struct ConnectionSecureOk(LongString Response) : IReadableMethod<ConnectionSecureOk>
{
    public uint Id => MethodId.ConnectionSecureOk;

    public int Size => AmqpWriter.SizeOfLongString(Response);

    public static ConnectionSecureOk Read(ref AmqpReader reader) => new(LongString.Copy(reader.ReadLongString()));

    public void Write(ref AmqpWriter writer) => writer.WriteLongString(Response);
}
