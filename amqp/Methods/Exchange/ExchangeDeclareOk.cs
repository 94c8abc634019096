namespace Granary.Amqp.Methods;

/// <summary>The exchange is there.</summary>
public readonly record struct ExchangeDeclareOk : IReadableMethod<ExchangeDeclareOk>
{
    public uint Id => MethodId.ExchangeDeclareOk;

    public int Size => 0;

    public static ExchangeDeclareOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
