namespace Granary.Amqp.Tests;

public sealed class BasicPropertiesTests
{
    private static readonly BasicProperties Full = new()
    {
        ContentType = "text/plain",
        ContentEncoding = "gzip",
        Headers = FieldTable.Of(("a", 1), ("BCC", new FieldArray("x")), ("b", "two")),
        DeliveryMode = 2,
        Priority = 9,
        CorrelationId = "c-1",
        ReplyTo = "amq.rabbitmq.reply-to",
        Expiration = "60000",
        MessageId = "m-1",
        Timestamp = 1577836800,
        Type = "order",
        UserId = "guest",
        AppId = "app",
        ClusterId = "cluster",
    };

    private static readonly BasicProperty[] All = [.. Enum.GetValues<BasicProperty>().Where(property => property != BasicProperty.None)];

    public static TheoryData<BasicProperty> Each => [.. All];

    public static TheoryData<BasicProperty> Texts => [.. All.Where(property => property
        is not (BasicProperty.Headers or BasicProperty.DeliveryMode or BasicProperty.Priority or BasicProperty.Timestamp))];

    [Fact]
    public void View_AllProperties_GivesEachInPlace()
    {
        var view = BasicPropertiesView.Read(Full.Encode());

        Assert.True(view.TryGetContentType(out var contentType) && contentType.SequenceEqual("text/plain"u8));
        Assert.True(view.TryGetContentEncoding(out var encoding) && encoding.SequenceEqual("gzip"u8));
        Assert.True(view.TryGetHeaders(out var headers) && headers.SequenceEqual(Full.Headers!.Encode()));
        Assert.True(view.TryGetDeliveryMode(out var mode) && mode == 2);
        Assert.True(view.TryGetPriority(out var priority) && priority == 9);
        Assert.True(view.TryGetCorrelationId(out var correlation) && correlation.SequenceEqual("c-1"u8));
        Assert.True(view.TryGetReplyTo(out var replyTo) && replyTo.SequenceEqual("amq.rabbitmq.reply-to"u8));
        Assert.True(view.TryGetExpiration(out var expiration) && expiration.SequenceEqual("60000"u8));
        Assert.True(view.TryGetMessageId(out var message) && message.SequenceEqual("m-1"u8));
        Assert.True(view.TryGetTimestamp(out var seconds) && seconds == 1577836800);
        Assert.True(view.TryGetType(out var type) && type.SequenceEqual("order"u8));
        Assert.True(view.TryGetUserId(out var user) && user.SequenceEqual("guest"u8));
        Assert.True(view.TryGetAppId(out var app) && app.SequenceEqual("app"u8));
        Assert.True(view.TryGetClusterId(out var cluster) && cluster.SequenceEqual("cluster"u8));
    }

    [Fact]
    public void View_NoProperties_HasNone()
    {
        var view = BasicPropertiesView.Read(BasicPropertiesView.NoProperties);

        Assert.Equal(BasicProperty.None, view.Present);
        Assert.False(view.TryGetHeaders(out _) || view.TryGetDeliveryMode(out _) || view.TryGetTimestamp(out _) || view.TryGetReplyTo(out _));
        Assert.Equal(BasicPropertiesView.NoProperties.ToArray(), new BasicProperties().Encode());
    }

    [Theory]
    [MemberData(nameof(Each))]
    public void DecodeThenEncode_OnePropertyOrAllButOne_GivesTheSameBytes(BasicProperty property)
    {
        var allButOne = BasicPropertiesEdit.Without(Full.Encode(), property);
        var view = BasicPropertiesView.Read(allButOne);
        Assert.Equal(BasicPropertiesView.Read(Full.Encode()).Present & ~property, view.Present);
        Assert.Equal(allButOne, BasicProperties.Decode(allButOne).Encode());

        var one = Full.Encode();
        foreach (var other in All.Where(other => other != property))
        {
            one = BasicPropertiesEdit.Without(one, other);
        }

        Assert.Equal(property, BasicPropertiesView.Read(one).Present);
        Assert.Equal(one, BasicProperties.Decode(one).Encode());
        Assert.Equal(one, BasicPropertiesEdit.Without(one, BasicProperty.None));
    }

    [Fact]
    public void Decode_BytesMissingOrLeftOver_IsAFrameError()
    {
        var bytes = Full.Encode();
        var wrong = Enumerable.Range(0, bytes.Length).Select(length => bytes[..length]).Append([.. bytes, 0]).Append([0, 1]).Append([0, 2]);
        foreach (var each in wrong)
        {
            var error = Assert.Throws<AmqpConnectionException>(() => BasicPropertiesView.Read(each).Present);
            Assert.Equal((ReplyCode.FrameError, 60, 40), (error.ReplyCode, error.ClassId, error.MethodId));
            Assert.Throws<AmqpConnectionException>(() => BasicProperties.Decode(each));
        }
    }

    [Fact]
    public void Validate_HeadersThatCannotBeDecoded_IsAFrameErrorOnlyThere()
    {
        // A header k with the letter Z.
        byte[] bytes = [0x20, 0, 0, 0, 0, 3, 1, (byte)'k', (byte)'Z'];

        Assert.True(BasicPropertiesView.Read(bytes).TryGetHeaders(out _));
        Assert.Equal(ReplyCode.FrameError, Assert.Throws<AmqpConnectionException>(() => BasicPropertiesView.Validate(bytes)).ReplyCode);
        Assert.Throws<AmqpConnectionException>(() => BasicProperties.Decode(bytes));
        BasicPropertiesView.Validate(Full.Encode());
    }

    [Fact]
    public void Encode_TextTooLong_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new BasicProperties { MessageId = new string('m', 256) }.Encode());

    [Theory]
    [MemberData(nameof(Texts))]
    public void WithText_ReplacedOrAdded_LeavesTheRest(BasicProperty property)
    {
        var replaced = BasicPropertiesEdit.WithText(Full.Encode(), property, "something else"u8);
        var added = BasicPropertiesEdit.WithText(BasicPropertiesEdit.Without(Full.Encode(), property), property, "something else"u8);
        var alone = BasicPropertiesEdit.WithText(BasicPropertiesView.NoProperties, property, "something else"u8);

        Assert.Equal(replaced, added);
        Assert.True(BasicPropertiesView.Read(replaced).TryGetText(property, out var text) && text.SequenceEqual("something else"u8));
        Assert.True(BasicPropertiesView.Read(alone).TryGetText(property, out text) && text.SequenceEqual("something else"u8));
        Assert.Equal(BasicPropertiesEdit.Without(Full.Encode(), property), BasicPropertiesEdit.Without(replaced, property));
    }

    [Fact]
    public void WithText_ReplyTo_IsTheSameAsDecodingAndEncoding() =>
        Assert.Equal((Full with { ReplyTo = "q" }).Encode(), BasicPropertiesEdit.WithText(Full.Encode(), BasicProperty.ReplyTo, "q"u8));

    [Theory]
    [InlineData(BasicProperty.Headers)]
    [InlineData(BasicProperty.Priority)]
    [InlineData(BasicProperty.None)]
    [InlineData(BasicProperty.Type | BasicProperty.AppId)]
    public void WithText_NotOneText_IsRefused(BasicProperty property) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => BasicPropertiesEdit.WithText(Full.Encode(), property, "x"u8));

    [Fact]
    public void WithText_LongerThan255Bytes_IsRefused() =>
        Assert.Throws<ArgumentException>(() => BasicPropertiesEdit.WithText(Full.Encode(), BasicProperty.ReplyTo, new byte[256]));

    [Fact]
    public void WithHeaders_ReplacedOrAdded_LeavesTheRest()
    {
        var headers = FieldTable.Of(("x-death", new FieldArray(FieldTable.Of(("count", 1L)))));

        Assert.Equal((Full with { Headers = headers }).Encode(), BasicPropertiesEdit.WithHeaders(Full.Encode(), headers));
        Assert.Equal(new BasicProperties { Headers = headers }.Encode(), BasicPropertiesEdit.WithHeaders(BasicPropertiesView.NoProperties, headers));
    }

    [Fact]
    public void WithoutHeader_FirstLastOnlyOrNone_LeavesTheRest()
    {
        var bytes = Full.Encode();

        Assert.Equal((Full with { Headers = Full.Headers!.Without("BCC") }).Encode(), BasicPropertiesEdit.WithoutHeader(bytes, "BCC"u8));
        Assert.Equal((Full with { Headers = Full.Headers.Without("a") }).Encode(), BasicPropertiesEdit.WithoutHeader(bytes, "a"u8));
        Assert.Equal((Full with { Headers = Full.Headers.Without("b") }).Encode(), BasicPropertiesEdit.WithoutHeader(bytes, "b"u8));
        Assert.Equal(bytes, BasicPropertiesEdit.WithoutHeader(bytes, "CC"u8));
        Assert.Equal([0, 0], BasicPropertiesEdit.WithoutHeader([0, 0], "CC"u8));

        var twice = new BasicProperties { Headers = FieldTable.Of(("BCC", 1), ("BCC", 2)) };
        Assert.Equal(new BasicProperties { Headers = FieldTable.Empty }.Encode(), BasicPropertiesEdit.WithoutHeader(twice.Encode(), "BCC"u8));
    }

    [Fact]
    public void ContentHeader_TooShort_IsAFrameError()
    {
        for (var length = 0; length < 14; length++)
        {
            var error = Assert.Throws<AmqpConnectionException>(() => ContentHeader.Read(new byte[length]).BodySize);
            Assert.Equal(ReplyCode.FrameError, error.ReplyCode);
        }

        Assert.Equal(ulong.MaxValue, ContentHeader.Read([0, 60, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0]).BodySize);
    }
}
