namespace Granary.Amqp.Methods;

/// <summary>They are dropped.</summary>
public readonly record struct TxRollbackOk : IReadableMethod<TxRollbackOk>
{
    public uint Id => MethodId.TxRollbackOk;

    public int Size => 0;

    public static TxRollbackOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
