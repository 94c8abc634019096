namespace Granary.Amqp.Methods;

/// <summary>Asks for all unacknowledged messages again, unanswered.</summary>
public readonly record struct BasicRecoverAsync(bool Requeue) : IReadableMethod<BasicRecoverAsync>
{
    public uint Id => MethodId.BasicRecoverAsync;

    public int Size => 1;

    public static BasicRecoverAsync Read(ref AmqpReader reader) => new(reader.ReadBit());

    public void Write(ref AmqpWriter writer) => writer.WriteBit(Requeue);
}
