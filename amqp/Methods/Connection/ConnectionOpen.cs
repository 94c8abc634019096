namespace Granary.Amqp.Methods;

/// <summary>The client chooses a virtual host.</summary>
public readonly record struct ConnectionOpen(string VirtualHost) : IReadableMethod<ConnectionOpen>
{
    public uint Id => MethodId.ConnectionOpen;

    public int Size => 2 + AmqpWriter.SizeOfShortString(VirtualHost);

    public static ConnectionOpen Read(ref AmqpReader reader)
    {
        var virtualHost = reader.ReadShortStringText();
        reader.ReadShortString();
        reader.ReadBit();
        return new ConnectionOpen(virtualHost);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShortString(VirtualHost);
        writer.WriteShortString([]);
        writer.WriteBit(false);
    }
}
