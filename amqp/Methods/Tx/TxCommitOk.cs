namespace Granary.Amqp.Methods;

/// <summary>They are committed.</summary>
public readonly record struct TxCommitOk : IReadableMethod<TxCommitOk>
{
    public uint Id => MethodId.TxCommitOk;

    public int Size => 0;

    public static TxCommitOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
