namespace Granary.Amqp.Methods;

/// <summary>The exchanges are bound (RabbitMQ).</summary>
public readonly record struct ExchangeBindOk : IReadableMethod<ExchangeBindOk>
{
    public uint Id => MethodId.ExchangeBindOk;

    public int Size => 0;

    public static ExchangeBindOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
