namespace Granary.Amqp.Methods;

/// <summary>The server asks for another round of authentication.</summary>
public readonly record struct ConnectionSecure(LongString Challenge) : IReadableMethod<ConnectionSecure>
{
    public uint Id => MethodId.ConnectionSecure;

    public int Size => AmqpWriter.SizeOfLongString(Challenge);

    public static ConnectionSecure Read(ref AmqpReader reader) => new(LongString.Copy(reader.ReadLongString()));

    public void Write(ref AmqpWriter writer) => writer.WriteLongString(Challenge);
}
