namespace Granary.Amqp.Methods;

/// <summary>The client replaces its credential (RabbitMQ).</summary>
public readonly record struct ConnectionUpdateSecret(LongString NewSecret, string Reason) : IReadableMethod<ConnectionUpdateSecret>
{
    public uint Id => MethodId.ConnectionUpdateSecret;

    public int Size => AmqpWriter.SizeOfLongString(NewSecret) + AmqpWriter.SizeOfShortString(Reason);

    public static ConnectionUpdateSecret Read(ref AmqpReader reader)
    {
        var newSecret = LongString.Copy(reader.ReadLongString());
        var reason = reader.ReadShortStringText();
        return new ConnectionUpdateSecret(newSecret, reason);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteLongString(NewSecret);
        writer.WriteShortString(Reason);
    }
}
