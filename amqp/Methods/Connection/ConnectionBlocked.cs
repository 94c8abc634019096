namespace Granary.Amqp.Methods;

/// <summary>The server stops reading from a publisher (RabbitMQ).</summary>
public readonly record struct ConnectionBlocked(string Reason) : IReadableMethod<ConnectionBlocked>
{
    public uint Id => MethodId.ConnectionBlocked;

    public int Size => AmqpWriter.SizeOfShortString(Reason);

    public static ConnectionBlocked Read(ref AmqpReader reader) => new(reader.ReadShortStringText());

    public void Write(ref AmqpWriter writer) => writer.WriteShortString(Reason);
}
