namespace Granary.Amqp.Methods;

/// <summary>The client names itself and begins to authenticate.</summary>
public readonly record struct ConnectionStartOk(
    FieldTable ClientProperties, string Mechanism, LongString Response, string Locale)
    : IReadableMethod<ConnectionStartOk>
{
    public uint Id => MethodId.ConnectionStartOk;

    public int Size => AmqpWriter.SizeOfTable(ClientProperties)
        + AmqpWriter.SizeOfShortString(Mechanism)
        + AmqpWriter.SizeOfLongString(Response)
        + AmqpWriter.SizeOfShortString(Locale);

    public static ConnectionStartOk Read(ref AmqpReader reader)
    {
        var clientProperties = reader.ReadTable();
        var mechanism = reader.ReadShortStringText();
        var response = LongString.Copy(reader.ReadLongString());
        var locale = reader.ReadShortStringText();
        return new ConnectionStartOk(clientProperties, mechanism, response, locale);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteTable(ClientProperties);
        writer.WriteShortString(Mechanism);
        writer.WriteLongString(Response);
        writer.WriteShortString(Locale);
    }
}
