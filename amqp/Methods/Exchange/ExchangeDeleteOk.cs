namespace Granary.Amqp.Methods;

/// <summary>The exchange is gone.</summary>
public readonly record struct ExchangeDeleteOk : IReadableMethod<ExchangeDeleteOk>
{
    public uint Id => MethodId.ExchangeDeleteOk;

    public int Size => 0;

    public static ExchangeDeleteOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
