namespace Granary.Amqp.Methods;

/// <summary>Deletes an exchange.</summary>
public readonly record struct ExchangeDelete(string Exchange, bool IfUnused, bool NoWait) : IReadableMethod<ExchangeDelete>
{
    public uint Id => MethodId.ExchangeDelete;

    public int Size => 3 + AmqpWriter.SizeOfShortString(Exchange);

    public static ExchangeDelete Read(ref AmqpReader reader)
    {
        reader.ReadShort(); // reserved: the ticket of 0-8
        var exchange = reader.ReadShortStringText();
        var bits = reader.ReadBits();
        return new ExchangeDelete(exchange, (bits & 1) != 0, (bits & 2) != 0);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Exchange);
        writer.WriteBits(IfUnused, NoWait);
    }
}
