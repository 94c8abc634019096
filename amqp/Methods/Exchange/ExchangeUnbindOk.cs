namespace Granary.Amqp.Methods;

/// <summary>The binding is gone (RabbitMQ); its number is 51 where 41 was to be expected.</summary>
public readonly record struct ExchangeUnbindOk : IReadableMethod<ExchangeUnbindOk>
{
    public uint Id => MethodId.ExchangeUnbindOk;

    public int Size => 0;

    public static ExchangeUnbindOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
