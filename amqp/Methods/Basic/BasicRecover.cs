namespace Granary.Amqp.Methods;

/// <summary>Asks for all unacknowledged messages again.</summary>
public readonly record struct BasicRecover(bool Requeue) : IReadableMethod<BasicRecover>
{
    public uint Id => MethodId.BasicRecover;

    public int Size => 1;

    public static BasicRecover Read(ref AmqpReader reader) => new(reader.ReadBit());

    public void Write(ref AmqpWriter writer) => writer.WriteBit(Requeue);
}
