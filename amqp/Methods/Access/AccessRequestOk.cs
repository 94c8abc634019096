namespace Granary.Amqp.Methods;

/// <summary>Gives a ticket; RabbitMQ gives 1.</summary>
public readonly record struct AccessRequestOk(ushort Ticket) : IReadableMethod<AccessRequestOk>
{
    public uint Id => MethodId.AccessRequestOk;

    public int Size => 2;

    public static AccessRequestOk Read(ref AmqpReader reader) => new(reader.ReadShort());

    public void Write(ref AmqpWriter writer) => writer.WriteShort(Ticket);
}
