namespace Granary.Amqp.Methods;

/// <summary>The messages will be delivered again.</summary>
public readonly record struct BasicRecoverOk : IReadableMethod<BasicRecoverOk>
{
    public uint Id => MethodId.BasicRecoverOk;

    public int Size => 0;

    public static BasicRecoverOk Read(ref AmqpReader reader) => default;

    public void Write(ref AmqpWriter writer)
    {
    }
}
