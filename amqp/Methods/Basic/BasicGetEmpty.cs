namespace Granary.Amqp.Methods;

/// <summary>There is no message.</summary>
public readonly record struct BasicGetEmpty : IReadableMethod<BasicGetEmpty>
{
    public uint Id => MethodId.BasicGetEmpty;

    public int Size => 1;

    public static BasicGetEmpty Read(ref AmqpReader reader)
    {
        reader.ReadShortString();
        return default;
    }

    public void Write(ref AmqpWriter writer) => writer.WriteShortString([]);
}
