using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Grpc.Publishing;

/// <summary>Records of messages that go from one queue to another.</summary>
public sealed class MovedMessageTests
{
    [Fact]
    public void Properties_ThatGrpcCannotSay_AreTheSame()
    {
        var deep = FieldTable.Of(("end", 1));
        for (var i = 0; i < 50; i++)
        {
            deep = FieldTable.Of(("deeper", deep));
        }

        var properties = BasicPropertiesEdit.WithText(
            new BasicProperties { DeliveryMode = 2, Priority = 3, Expiration = "60000", UserId = "somebody", Headers = deep.With("CC", new FieldArray(["copy"])) }.Encode(),
            BasicProperty.MessageId, [0xFF, 0xFE]);
        var moved = Move(properties, "body");

        Assert.Equal(properties, new MessageRecord(moved).Properties.ToArray());
        Assert.Equal(("", "to", "body"), Texts(moved));
        var flags = MessageFlags.Persistent | MessageFlags.HasPriority | MessageFlags.HasExpiry | MessageFlags.SingleKey;
        Assert.Equal((flags, (byte)3, (long?)60_000), (new MessageRecord(moved).Flags, new MessageRecord(moved).Priority, new MessageRecord(moved).Expiry));
    }

    [Fact]
    public void Message_WithoutPropertiesOrBody_HasNone()
    {
        var moved = Move(Messages.NoProperties, "");
        Assert.Equal(("", "to", ""), Texts(moved));
        Assert.Equal(MessageFlags.SingleKey, new MessageRecord(moved).Flags);
    }

    private static byte[] Move(byte[] properties, string body)
    {
        var encoder = new MessageEncoder("guest", maxMessageSize: 2);
        encoder.ReadMoved(Messages.Record(body, "exchange", "key", properties), "to");
        Assert.Empty(encoder.Copies);
        var moved = new byte[encoder.Size];
        encoder.Write(moved);
        return moved;
    }

    private static (string Exchange, string Key, string Body) Texts(byte[] record)
    {
        var message = new MessageRecord(record);
        return (Encoding.UTF8.GetString(message.Exchange), Encoding.UTF8.GetString(message.RoutingKey), Encoding.UTF8.GetString(message.Body));
    }
}
