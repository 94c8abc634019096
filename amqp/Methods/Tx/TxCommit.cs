namespace Granary.Amqp.Methods;

/// <summary>Commits the publishes and acknowledgements since the last commit.</summary>
public readonly record struct TxCommit : IReadableMethod<TxCommit>
{
    public uint Id => MethodId.TxCommit;

    public int Size => 0;

    public static TxCommit Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
