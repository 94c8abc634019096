using System.Buffers;
using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

/// <summary>Bytes that another implementation (pika 1.2) writes for the same values.</summary>
public sealed class GoldenBytesTests
{
    private const string AllProperties =
        "0200010000009d003c0000000000000000000cfffc0a746578742f706c61696e04677a69700000005601617401016249ffffffff01636c"
        + "000000012a05f2000164560165410000000b4900000001530000000178016646000000080167530000000168016944020000013a016a78"
        + "000000020102016b54000000005e0be100020302633101720431303030016d000000005e0be10001740567756573740361707002636cce";

    private static readonly (ushort Channel, MethodSample Sample, string Frame)[] Methods =
    [
        (
            0,
            MethodSample.Of(new ConnectionStart(0, 9, FieldTable.Of(("product", "RabbitMQ"), ("capabilities", FieldTable.Of(("basic.nack", true)))), "PLAIN AMQPLAIN", "en_US")),
            "01000000000059000a000a0009000000340770726f6475637453000000085261626269744d510c6361706162696c697469657346000000"
            + "0d0a62617369632e6e61636b74010000000e504c41494e20414d51504c41494e00000005656e5f5553ce"),
        (
            0,
            MethodSample.Of(new ConnectionStartOk(FieldTable.Of(("connection_name", "a")), "PLAIN", "\0guest\0guest", "en_US")),
            "0100000000003a000a000b000000160f636f6e6e656374696f6e5f6e616d6553000000016105504c41494e0000000c0067756573740067"
            + "7565737405656e5f5553ce"),
        (0, MethodSample.Of(new ConnectionTuneOk(2047, 131072, 60)), "0100000000000c000a001f07ff00020000003cce"),
        (0, MethodSample.Of(new ConnectionOpen("/")), "01000000000008000a0028012f0000ce"),
        (
            0,
            MethodSample.Of(new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - bye", 60, 40)),
            "01000000000022000a0032014017434f4e4e454354494f4e5f464f52434544202d20627965003c0028ce"),
        (0, MethodSample.Of(new ConnectionBlocked("low on memory")), "01000000000012000a003c0d6c6f77206f6e206d656d6f7279ce"),
        (7, MethodSample.Of(default(ChannelOpen)), "010007000000050014000a00ce"),
        (7, MethodSample.Of(default(ChannelOpenOk)), "010007000000080014000b00000000ce"),
        (
            1,
            MethodSample.Of(new ExchangeDeclare("logs", "topic", false, true, false, true, false, FieldTable.Of(("alternate-exchange", "ae")))),
            "010001000000300028000a0000046c6f677305746f7069630a0000001a12616c7465726e6174652d65786368616e676553000000026165"
            + "ce"),
        (1, MethodSample.Of(default(ExchangeUnbindOk)), "0100010000000400280033ce"),
        (1, MethodSample.Of(new ExchangeBind("d", "s", "k", true, FieldTable.Empty)), "010001000000110028001e000001640173016b0100000000ce"),
        (
            1,
            MethodSample.Of(new QueueDeclare("orders", false, true, false, true, false, FieldTable.Of(("x-max-length", 5)))),
            "010001000000240032000a0000066f72646572730a000000120c782d6d61782d6c656e6774684900000005ce"),
        (1, MethodSample.Of(new QueueDeclareOk("orders", 3, 2)), "010001000000130032000b066f72646572730000000300000002ce"),
        (1, MethodSample.Of(new QueueUnbind("q", "e", "k", FieldTable.Empty)), "0100010000001000320032000001710165016b00000000ce"),
        (1, MethodSample.Of(new QueueDelete("q", true, true, false)), "01000100000009003200280000017103ce"),
        (1, MethodSample.Of(new BasicQos(0, 500, true)), "0100010000000b003c000a0000000001f401ce"),
        (
            1,
            MethodSample.Of(new BasicConsume("q", "tag", false, true, false, false, FieldTable.Of(("x-priority", 10)))),
            "01000100000021003c0014000001710374616702000000100a782d7072696f72697479490000000ace"),
        (258, MethodSample.Of(new BasicPublish("logs", "a.b", true, false)), "01010200000010003c00280000046c6f677303612e6201ce"),
        (
            1,
            MethodSample.Of(new BasicReturn(ReplyCode.NoRoute, "NO_ROUTE", "logs", "a.b")),
            "01000100000018003c00320138084e4f5f524f555445046c6f677303612e62ce"),
        (
            1,
            MethodSample.Of(new BasicDeliver("tag", (1UL << 40) | 5, true, "logs", "a.b")),
            "0100010000001a003c003c03746167000001000000000501046c6f677303612e62ce"),
        (1, MethodSample.Of(new BasicGetOk(9, false, "e", "k", 4)), "01000100000015003c00470000000000000009000165016b00000004ce"),
        (1, MethodSample.Of(default(BasicGetEmpty)), "01000100000005003c004800ce"),
        (1, MethodSample.Of(new BasicAck(513, true)), "0100010000000d003c0050000000000000020101ce"),
        (1, MethodSample.Of(new BasicNack(1, false, true)), "0100010000000d003c0078000000000000000102ce"),
        (1, MethodSample.Of(new ConfirmSelect(true)), "010001000000050055000a01ce"),
        (1, MethodSample.Of(default(TxCommitOk)), "01000100000004005a0015ce"),
    ];

    private static readonly BasicProperties Properties = new()
    {
        ContentType = "text/plain",
        ContentEncoding = "gzip",
        Headers = FieldTable.Of(
            ("a", true),
            ("b", -1),
            ("c", 5_000_000_000),
            ("d", FieldValue.Void),
            ("e", new FieldArray(1, "x")),
            ("f", FieldTable.Of(("g", "h"))),
            ("i", FieldValue.Decimal(new FieldDecimal(2, 314))),
            ("j", FieldValue.Bytes([1, 2])),
            ("k", FieldValue.Timestamp(1577836800))),
        DeliveryMode = 2,
        Priority = 3,
        CorrelationId = "c1",
        ReplyTo = "r",
        Expiration = "1000",
        MessageId = "m",
        Timestamp = 1577836800,
        Type = "t",
        UserId = "guest",
        AppId = "app",
        ClusterId = "cl",
    };

    public static TheoryData<int> Rows => [.. Enumerable.Range(0, Methods.Length)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void WriteAndRead_Method_AgreeWithTheBytes(int row)
    {
        var (channel, sample, frame) = Methods[row];

        Assert.Equal(frame, Convert.ToHexStringLower(sample.WriteFrame(channel)));
        Assert.Equal(sample.Method, sample.Read(Convert.FromHexString(frame)[11..^1]));
    }

    [Fact]
    public void WriteAndRead_ContentHeader_AgreeWithTheBytes()
    {
        var output = new ArrayBufferWriter<byte>();
        ContentHeader.WriteFrame(output, 1, 12, Properties.Encode());
        Assert.Equal(AllProperties, Convert.ToHexStringLower(output.WrittenSpan));

        var header = ContentHeader.Read(output.WrittenSpan[Frame.HeaderSize..^1]);
        Assert.Equal((60, 12UL), (header.ClassId, header.BodySize));
        Assert.Equal(Properties, BasicProperties.Decode(header.Properties));
    }

    [Fact]
    public void Write_EmptyHeaderBodyAndHeartbeat_AgreeWithTheBytes()
    {
        var output = new ArrayBufferWriter<byte>();
        ContentHeader.WriteFrame(output, 1, 0, BasicPropertiesView.NoProperties);
        Frame.Write(output, FrameType.Body, 1, "hello"u8);

        Assert.Equal("0200010000000e003c000000000000000000000000ce" + "0300010000000568656c6c6fce", Convert.ToHexStringLower(output.WrittenSpan));
        Assert.Equal("08000000000000ce", Convert.ToHexStringLower(Frame.Heartbeat));
    }
}
