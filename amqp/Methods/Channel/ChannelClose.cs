namespace Granary.Amqp.Methods;

/// <summary>Either side ends the channel, naming the failing method if there is one.</summary>
public readonly record struct ChannelClose(ReplyCode ReplyCode, string ReplyText, ushort ClassId, ushort MethodId) : IReadableMethod<ChannelClose>
{
    public uint Id => Amqp.MethodId.ChannelClose;

    public int Size => 6 + AmqpWriter.SizeOfShortString(ReplyText);

    public static ChannelClose Read(ref AmqpReader reader)
    {
        var replyCode = (ReplyCode)reader.ReadShort();
        var replyText = reader.ReadShortStringText();
        var classId = reader.ReadShort();
        var methodId = reader.ReadShort();
        return new ChannelClose(replyCode, replyText, classId, methodId);
    }

    public void Write(ref AmqpWriter writer)
    {
        writer.WriteShort((ushort)ReplyCode);
        writer.WriteShortString(ReplyText);
        writer.WriteShort(ClassId);
        writer.WriteShort(MethodId);
    }
}
