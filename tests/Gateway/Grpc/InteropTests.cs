using System.Buffers.Binary;
using Google.Protobuf;
using Granary.Amqp;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using Granary.V1;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;
using BasicProperties = Granary.V1.BasicProperties;
using FieldArray = Granary.V1.FieldArray;
using FieldDecimal = Granary.V1.FieldDecimal;
using FieldTable = Granary.V1.FieldTable;
using FieldValue = Granary.V1.FieldValue;
using Wire = Granary.Amqp;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>The same message over both protocols: with all properties, and headers of every type letter.</summary>
[WatchedBroker]
public sealed class InteropTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    private static readonly Wire.FieldTable WireHeaders = new(
    [
        new("S", "text"), new("t", true), new("b", Wire.FieldValue.Integer(FieldKind.SignedByte, -128)),
        new("B", Wire.FieldValue.Integer(FieldKind.UnsignedByte, 255)), new("s", Wire.FieldValue.Integer(FieldKind.Short, -32768)),
        new("u", Wire.FieldValue.Integer(FieldKind.UnsignedShort, 65535)), new("I", int.MinValue),
        new("i", Wire.FieldValue.Integer(FieldKind.UnsignedInt, uint.MaxValue)), new("l", long.MinValue),
        new("L", Wire.FieldValue.Integer(FieldKind.OtherLong, long.MaxValue)), new("f", Wire.FieldValue.Float(1.5f)), new("d", Math.PI),
        new("D", Wire.FieldValue.Decimal(new Wire.FieldDecimal(2, unchecked((uint)-314)))),
        new("F", Wire.FieldTable.Of(("inner", Wire.FieldTable.Empty), ("inner", "twice"))),
        new("A", new Wire.FieldArray(1, "two", new Wire.FieldArray(Wire.FieldValue.Void))), new("x", Wire.FieldValue.Bytes([0, 255])),
        new("V", Wire.FieldValue.Void), new("T", Wire.FieldValue.Timestamp(ulong.MaxValue)), new("S", Wire.FieldValue.LongString([0xFF, 0xFE])),
    ]);

    private static readonly Wire.BasicProperties WireProperties = new()
    {
        ContentType = "text/plain",
        ContentEncoding = "",
        Headers = WireHeaders,
        DeliveryMode = 2,
        Priority = 9,
        CorrelationId = "c",
        ReplyTo = "r",
        Expiration = "60000",
        MessageId = "m",
        Timestamp = 1,
        Type = "t",
        UserId = "guest",
        AppId = "ä",
        ClusterId = "k",
    };

    private static readonly BasicProperties Properties = new()
    {
        ContentType = "text/plain",
        ContentEncoding = "",
        Headers = HeadersOfEveryType(),
        DeliveryMode = 2,
        Priority = 9,
        CorrelationId = "c",
        ReplyTo = "r",
        Expiration = "60000",
        MessageId = "m",
        Timestamp = 1,
        Type = "t",
        UserId = "guest",
        AppId = "ä",
        ClusterId = "k",
    };

    public static TheoryData<bool> WithAndWithoutProperties => [true, false];

    [Theory]
    [MemberData(nameof(WithAndWithoutProperties))]
    public async Task AmqpPublisher_GrpcConsumerAndGet_SeeTheSame(bool hasProperties)
    {
        var queue = await broker.DeclareQueueAsync();
        var properties = hasProperties ? WireProperties.Encode() : [0, 0];
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.ConfirmSelect(), 85, 11);
        for (var i = 1; i <= 2; i++)
        {
            await amqp.PublishAsync(
                1, WireMethods.BasicPublish("", queue), [1, 2, 3], BinaryPrimitives.ReadUInt16BigEndian(properties), properties[2..]);
            await amqp.ExpectAsync(60, 80);
        }

        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 });
        var consumed = await consumer.NextAsync();
        await consumer.AckAsync(1);
        var expected = new Delivery
        {
            DeliveryTag = 1,
            RoutingKey = queue,
            Properties = hasProperties ? Properties : null,
            Body = ByteString.CopyFrom(1, 2, 3),
        };
        Assert.Equal(expected, consumed);
        await consumer.NextAsync();
        await consumer.FinishAsync();

        (expected.DeliveryTag, expected.Redelivered) = (0, true);
        Assert.Equal(expected, Assert.Single(await broker.GetAsync(queue)));
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutProperties))]
    public async Task GrpcPublishers_AmqpConsumer_SeesTheSame(bool hasProperties)
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = "amq.topic", RoutingKey = $"{queue}.#" }, With());
        var message = new Message
        {
            Exchange = "amq.topic",
            RoutingKey = $"{queue}.k",
            Body = ByteString.CopyFrom(1, 2, 3),
            Properties = hasProperties ? Properties : null,
        };
        await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With());
        using var stream = broker.Messaging.PublishStream(With());
        await stream.RequestStream.WriteAsync(new PublishStreamRequest { Messages = { message } });
        await stream.RequestStream.CompleteAsync();
        while (await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience))
        {
        }

        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.BasicConsume(queue, noAck: true), 60, 21);
        for (var i = 1; i <= 2; i++)
        {
            var deliver = (await amqp.ExpectAsync(60, 60)).Arguments();
            deliver.ShortString();
            Assert.Equal(((ulong)i, 0, "amq.topic", $"{queue}.k"), (deliver.LongLong(), deliver.Octet(), deliver.ShortString(), deliver.ShortString()));
            var header = (await amqp.ReadAsync())!.Payload[12..];
            Assert.Equal(hasProperties ? WireProperties.Encode() : [0, 0], header);
            Assert.Equal([1, 2, 3], (await amqp.ReadAsync())!.Payload);
        }
    }

    [Theory]
    [InlineData(16 * 1024)]
    [InlineData(100_000)]
    public async Task LargeBodies_OverBothProtocols_ArriveWholeEachWay(int size)
    {
        var queue = await broker.DeclareQueueAsync();
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.ConfirmSelect(), 85, 11);
        for (var i = 0; i < 20; i++)
        {
            await amqp.PublishAsync(1, WireMethods.BasicPublish("", queue), Body(i));
            await amqp.ExpectAsync(60, 80);
        }

        await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = "amq.topic", RoutingKey = $"{queue}.back" }, With());
        for (var i = 0; i < 20; i++)
        {
            Assert.True(Assert.Single(await broker.GetAsync(queue, limit: 1)).Body.Span.SequenceEqual(Body(i)), $"Message {i} is another one.");
        }

        for (var i = 0; i < 20; i++)
        {
            var message = new Message { RoutingKey = $"{queue}.back", Exchange = "amq.topic", Body = ByteString.CopyFrom(Body(i)) };
            await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With());
        }

        await using var consumer = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await consumer.CallAsync(1, WireMethods.BasicConsume(queue, noAck: true), 60, 21);
        for (var i = 0; i < 20; i++)
        {
            await consumer.ExpectAsync(60, 60);
            await consumer.ReadAsync();
            Assert.True((await consumer.ReadAsync())!.Payload.AsSpan().SequenceEqual(Body(i)), $"Message {i} is another one.");
        }

        byte[] Body(int seed)
        {
            var body = new byte[size];
            new Random(seed).NextBytes(body);
            return body;
        }
    }

    [Fact]
    public async Task AmqpText_ThatIsNotUtf8_ArrivesWithReplacementCharacters()
    {
        var queue = await broker.DeclareQueueAsync();
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.ConfirmSelect(), 85, 11);
        var messageId = new Wire.BasicProperties { MessageId = ShortText.Decode([0x61, 0xFF]) }.Encode();
        await amqp.PublishAsync(1, WireMethods.BasicPublish("", queue), [], BinaryPrimitives.ReadUInt16BigEndian(messageId), messageId[2..]);
        await amqp.ExpectAsync(60, 80);
        Assert.Equal("a\uFFFD", Assert.Single(await broker.GetAsync(queue)).Properties.MessageId);
    }

    [Fact]
    public async Task AmqpHeaders_DeeperThanClientsCanParse_AreCutAndDelivered()
    {
        var queue = await broker.DeclareQueueAsync();
        var nested = Wire.FieldTable.Empty;
        for (var i = 0; i < 90; i++)
        {
            nested = Wire.FieldTable.Of(("t", nested));
        }

        var properties = new Wire.BasicProperties { Headers = nested }.Encode();
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.ConfirmSelect(), 85, 11);
        await amqp.PublishAsync(1, WireMethods.BasicPublish("", queue), [], BinaryPrimitives.ReadUInt16BigEndian(properties), properties[2..]);
        await amqp.ExpectAsync(60, 80);
        var table = Assert.Single(await broker.GetAsync(queue)).Properties.Headers;
        for (var i = 1; i < 30; i++)
        {
            table = table.Entries[0].Value.Table;
        }

        Assert.Equal(FieldValue.KindOneofCase.Void, table.Entries[0].Value.KindCase);
    }

    private static FieldTable HeadersOfEveryType()
    {
        var table = new FieldTable();
        Add("S", new FieldValue { LongString = ByteString.CopyFromUtf8("text") });
        Add("t", new FieldValue { Boolean = true });
        Add("b", new FieldValue { Int8 = -128 });
        Add("B", new FieldValue { Uint8 = 255 });
        Add("s", new FieldValue { Int16 = -32768 });
        Add("u", new FieldValue { Uint16 = 65535 });
        Add("I", new FieldValue { Int32 = int.MinValue });
        Add("i", new FieldValue { Uint32 = uint.MaxValue });
        Add("l", new FieldValue { Int64 = long.MinValue });
        Add("L", new FieldValue { Int64Upper = long.MaxValue });
        Add("f", new FieldValue { Float32 = 1.5f });
        Add("d", new FieldValue { Float64 = Math.PI });
        Add("D", new FieldValue { Decimal = new FieldDecimal { Scale = 2, Value = -314 } });
        var inner = new FieldTable();
        inner.Entries.Add(new FieldEntry { Name = "inner", Value = new FieldValue { Table = new FieldTable() } });
        inner.Entries.Add(new FieldEntry { Name = "inner", Value = new FieldValue { LongString = ByteString.CopyFromUtf8("twice") } });
        Add("F", new FieldValue { Table = inner });
        var array = new FieldArray { Values = { new FieldValue { Int32 = 1 }, new FieldValue { LongString = ByteString.CopyFromUtf8("two") } } };
        array.Values.Add(new FieldValue { Array = new FieldArray { Values = { new FieldValue { Void = new FieldVoid() } } } });
        Add("A", new FieldValue { Array = array });
        Add("x", new FieldValue { ByteArray = ByteString.CopyFrom(0, 255) });
        Add("V", new FieldValue { Void = new FieldVoid() });
        Add("T", new FieldValue { Timestamp = ulong.MaxValue });
        Add("S", new FieldValue { LongString = ByteString.CopyFrom(0xFF, 0xFE) });
        return table;

        void Add(string name, FieldValue value) => table.Entries.Add(new FieldEntry { Name = name, Value = value });
    }
}
