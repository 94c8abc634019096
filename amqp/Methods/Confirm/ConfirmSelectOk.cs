namespace Granary.Amqp.Methods;

/// <summary>Publisher confirms are on (RabbitMQ).</summary>
public readonly record struct ConfirmSelectOk : IReadableMethod<ConfirmSelectOk>
{
    public uint Id => MethodId.ConfirmSelectOk;

    public int Size => 0;

    public static ConfirmSelectOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
