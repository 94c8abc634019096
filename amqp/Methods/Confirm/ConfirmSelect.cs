namespace Granary.Amqp.Methods;

/// <summary>Turns on publisher confirms (RabbitMQ).</summary>
public readonly record struct ConfirmSelect(bool NoWait) : IReadableMethod<ConfirmSelect>
{
    public uint Id => MethodId.ConfirmSelect;

    public int Size => 1;

    public static ConfirmSelect Read(ref AmqpReader reader) => new(reader.ReadBit());

    public void Write(ref AmqpWriter writer) => writer.WriteBit(NoWait);
}
