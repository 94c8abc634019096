namespace Granary.Amqp.Methods;

/// <summary>The server offers versions, mechanisms and what it can do.</summary>
public readonly record struct ConnectionStart(
    byte VersionMajor, byte VersionMinor, FieldTable ServerProperties, LongString Mechanisms, LongString Locales)
    : IReadableMethod<ConnectionStart>
{
    public uint Id => MethodId.ConnectionStart;

    public int Size => 2 + AmqpWriter.SizeOfTable(ServerProperties) + AmqpWriter.SizeOfLongString(Mechanisms) + AmqpWriter.SizeOfLongString(Locales);

    public static ConnectionStart Read(ref AmqpReader reader)
    {
        var versionMajor = reader.ReadOctet();
        var versionMinor = reader.ReadOctet();
        var serverProperties = reader.ReadTable();
        var mechanisms = LongString.Copy(reader.ReadLongString());
        var locales = LongString.Copy(reader.ReadLongString());
        return new ConnectionStart(versionMajor, versionMinor, serverProperties, mechanisms, locales);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteOctet(VersionMajor);
        writer.WriteOctet(VersionMinor);
        writer.WriteTable(ServerProperties);
        writer.WriteLongString(Mechanisms);
        writer.WriteLongString(Locales);
    }
}
