namespace Granary.Amqp.Methods;

/// <summary>Drops the publishes and acknowledgements since the last commit.</summary>
public readonly record struct TxRollback : IReadableMethod<TxRollback>
{
    public uint Id => MethodId.TxRollback;

    public int Size => 0;

    public static TxRollback Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
