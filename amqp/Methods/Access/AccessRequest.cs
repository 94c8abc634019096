namespace Granary.Amqp.Methods;

/// <summary>Asks for a ticket, which nothing looks at since AMQP 0-8.</summary>
public readonly record struct AccessRequest(
    string Realm, bool Exclusive, bool Passive, bool Active, bool WriteAccess, bool ReadAccess)
    : IReadableMethod<AccessRequest>
{
    public uint Id => MethodId.AccessRequest;

    public int Size => 1 + AmqpWriter.SizeOfShortString(Realm);

    public static AccessRequest Read(ref AmqpReader reader)
    {
        var realm = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        return new AccessRequest(realm, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, (bits & 16) != 0);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShortString(Realm);
        writer.WriteBits(Exclusive, Passive, Active, WriteAccess, ReadAccess);
    }
}
