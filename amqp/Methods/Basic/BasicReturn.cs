namespace Granary.Amqp.Methods;

/// <summary>Announces a message that could not be routed.</summary>
public readonly record struct BasicReturn(ReplyCode ReplyCode, string ReplyText, string Exchange, string RoutingKey) : IReadableMethod<BasicReturn>
{
    public uint Id => MethodId.BasicReturn;

    public int Size => 2
        + AmqpWriter.SizeOfShortString(ReplyText)
        + AmqpWriter.SizeOfShortString(Exchange)
        + AmqpWriter.SizeOfShortString(RoutingKey);

    public static BasicReturn Read(ref AmqpReader reader)
    {
        var replyCode = (ReplyCode)reader.ReadShort();
        var replyText = reader.ReadShortStringText();
        var exchange = reader.ReadShortStringText();
        var routingKey = reader.ReadShortStringText();
        return new BasicReturn(replyCode, replyText, exchange, routingKey);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort((ushort)ReplyCode);
        writer.WriteShortString(ReplyText);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
    }
}
