namespace Granary.Amqp.Methods;

/// <summary>Makes the channel transactional.</summary>
public readonly record struct TxSelect : IReadableMethod<TxSelect>
{
    public uint Id => MethodId.TxSelect;

    public int Size => 0;

    public static TxSelect Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
