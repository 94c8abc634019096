namespace Granary.Amqp.Methods;

/// <summary>The channel is transactional.</summary>
public readonly record struct TxSelectOk : IReadableMethod<TxSelectOk>
{
    public uint Id => MethodId.TxSelectOk;

    public int Size => 0;

    public static TxSelectOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
