using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Transactions;
using Granary.Silo.Streams;
using Granary.Silo.Tests.Queues;
using static Granary.Silo.Tests.Streams.TestStream;

namespace Granary.Silo.Tests.Streams;

public sealed class StreamQueueTests : IAsyncLifetime
{
    private TestStream _stream = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stream.DisposeAsync();

    [Fact]
    public void Consumers_OfOneConnection_EachGetAllOfIt()
    {
        var link = Publish(0, 10);
        link.Send(Consumer(1, "first"), Consumer(2, "first"), Consumer(3, 7));

        Assert.Equal(Numbered(0, 10), Given(link, 1));
        Assert.Equal(Numbered(0, 10), Given(link, 2));
        Assert.Equal(Numbered(7, 10), Given(link, 3));
    }

    [Fact]
    public void Consumer_Acknowledges_AndIsGivenMoreOfIt()
    {
        var link = Publish(0, 10);
        link.Send(Consumer(1, "first", prefetch: 3), Consumer(2, "first", prefetch: 2));
        Assert.Equal((3, 2), (Given(link, 1).Length, Given(link, 2).Length));

        link.Send(new SettleItem(Settlement.Ack, [new OffsetRange(StreamOffsets.Tag(1, 0), 2)]));
        Assert.Equal((5, 2), (Given(link, 1).Length, Given(link, 2).Length));

        link.Send(new SettleItem(Settlement.Requeue, [new OffsetRange(StreamOffsets.Tag(2, 0), 1)]), new SettleItem(Settlement.Reject, [new OffsetRange(StreamOffsets.Tag(2, 1), 1)]));
        Assert.Equal(Numbered(0, 4), Given(link, 2));
        Assert.Equal(10, _stream.Stream.ReadyCount);
        Assert.Equal(5, _stream.Stream.Figures.Unacked);
    }

    [Fact]
    public void Consumer_WithALimit_IsGivenNoMoreThanThat()
    {
        var link = Publish(0, 10);
        link.Send(Consumer(1, "first") with { Window = new Window(4, 1L << 40) });
        Assert.Equal(4, Given(link, 1).Length);

        link.Send(new WindowItem(1, new Window(6, 1L << 40)));
        Assert.Equal(Numbered(0, 6), Given(link, 1));
    }

    [Theory]
    [InlineData("first", 0)]
    [InlineData("last", 7)]
    [InlineData("next", 10)]
    [InlineData(null, 10)]
    [InlineData(4L, 4)]
    [InlineData(0L, 0)]
    [InlineData(99L, 10)]
    [InlineData("1h", 0)]
    [InlineData("1s", 10)]
    [InlineData("5m", 7)]
    public void Consumer_BeginsWhereItWants(object? from, long first)
    {
        var link = Publish(0, 7);
        _stream.Gateway.Now += 600_000;
        Publish(7, 3);
        _stream.Gateway.Now += 60_000;
        link.Send(Consumer(1, from is string text ? text : from is long number ? number : null));
        Publish(10, 2);

        Assert.Equal(Numbered(first, 12), Given(link, 1));
        Assert.Equal(StreamOffsets.Tag(1, first), link.Items.OfType<AttachedItem>().Single().Position);
    }

    [Theory]
    [InlineData(999, 0)]
    [InlineData(1_000, 0)]
    [InlineData(1_001, 5)]
    [InlineData(1_060, 5)]
    [InlineData(1_061, 10)]
    public void Consumer_BeginsAtATime(ulong seconds, long first)
    {
        Publish(0, 5);
        _stream.Gateway.Now += 60_000;
        Publish(5, 5);
        var link = _stream.Gateway.Open();
        link.Send(Consumer(1, FieldValue.Timestamp(seconds)));
        Publish(10, 1);

        Assert.Equal(Numbered(first, 11), Given(link, 1));
    }

    [Fact]
    public void Message_IsGivenOnlyWhenItIsStored()
    {
        var link = _stream.Gateway.Open();
        link.Send(Consumer(1, "first"));
        _stream.Gateway.IsImpatient = true;
        lock (_stream.Gate)
        {
            link.Publish(0, 5);
            Assert.Equal((0, 0), (Given(link, 1).Length, link.Watermark));
        }

        _stream.Gateway.IsImpatient = false;
        _stream.Gateway.Pump();
        Assert.Equal(Numbered(0, 5), Given(link, 1));
        Assert.Equal(5, link.Watermark);
    }

    [Fact]
    public void Message_ThatIsTransientAndExpires_StaysAndIsDelivered()
    {
        var link = _stream.Gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 3, expiry: _ => 10), Resent: false) { Number = 1 });
        _stream.Gateway.Now += 1_000;
        link.Send(Consumer(1, "first"));

        Assert.Equal(Numbered(0, 3), Given(link, 1));
    }

    [Fact]
    public void Message_OutOfAnotherStream_HasTheOffsetOfThisOne()
    {
        var link = Publish(0, 3);
        link.Send(Consumer(1, 2));
        var before = link.Items.OfType<DeliveryItem>().Single().Slices[0].Batch;
        link.Send(new PublishItem(before, Resent: false));

        Assert.Equal([(2, 2), (3, 2)], Given(link, 1));
    }

    [Fact]
    public void Message_KeepsItsProperties()
    {
        var link = _stream.Gateway.Open();
        BasicProperties[] all =
        [
            new(), new() { ContentType = "a", ReplyTo = "\u000fx-stream-offsetl", Expiration = "5" }, new() { Headers = FieldTable.Of(("a", 1), ("b", "c")), MessageId = "m" },
            new() { Headers = FieldTable.Of(("a", 1), ("b", "c")), MessageId = "m" }, new() { Headers = FieldTable.Of(("x-stream-offset", "mine"), ("a", 1)), Timestamp = 7 }, new(),
        ];
        foreach (var (id, properties) in all.Index())
        {
            link.Send(new PublishItem(WithProperties(Batches.Of(id, 1), properties), Resent: false));
        }

        link.Send(Consumer(1, "first"));
        Assert.Equal(Numbered(0, all.Length), Given(link, 1));
        var records = link.Items.OfType<DeliveryItem>().SelectMany(item => item.Slices).SelectMany(slice => Properties(slice.Batch)).ToArray();
        foreach (var (id, properties) in all.Index())
        {
            var headers = new FieldTable([.. (properties.Headers ?? FieldTable.Empty).Where(entry => entry.Key != "x-stream-offset")]).With("x-stream-offset", (long)id);
            Assert.Equal(properties with { Headers = headers }, records[id]);
        }
    }

    [Fact]
    public void Message_LargerThanAChunk_IsOneOfItsOwn()
    {
        var link = _stream.Gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 4, id => id == 2 ? 200_000 : 1_000), Resent: false));
        link.Send(Consumer(1, "first"));

        Assert.Equal(Numbered(0, 4), Given(link, 1));
    }

    [Fact]
    public void Filter_LetsThroughWhatConsumersWant()
    {
        var link = _stream.Gateway.Open();
        foreach (var (id, value) in new (long, string?)[] { (0, "a"), (1, "b"), (2, "a"), (3, null), (4, "a"), (5, null) })
        {
            link.Send(new PublishItem(WithFilterValue(Batches.Of(id, 1), value), Resent: false));
        }

        link.Send(
            Consumer(1, "first", arguments: ("x-stream-filter", "a")), Consumer(2, "first", arguments: [("x-stream-filter", "b"), ("x-stream-match-unfiltered", true)]),
            Consumer(3, "first", arguments: ("x-stream-filter", new FieldArray("a", "b"))));

        Assert.Equal([0, 2, 4], Given(link, 1).Select(given => given.Offset));
        Assert.Equal([1, 3, 5], Given(link, 2).Select(given => given.Offset));
        Assert.Equal([0, 1, 2, 4], Given(link, 3).Select(given => given.Offset));
    }

    [Fact]
    public async Task Consumer_FarBehind_ReadsBackWhatIsNotInMemory()
    {
        await _stream.DisposeAsync();
        _stream = new TestStream(memory: 64 * 1024);
        var link = Fill(4_000);
        var inMemory = _stream.Stream.Figures.ReadyBytes;
        Assert.True(inMemory.InMemory < inMemory.All / 4, $"{inMemory}");

        link.Send(Consumer(1, "first", prefetch: 10_000), Consumer(2, 3_000, prefetch: 10_000));

        Assert.Equal(Numbered(0, 4_000), Given(link, 1));
        Assert.Equal(Numbered(3_000, 4_000), Given(link, 2));
    }

    [Fact]
    public async Task Consumer_FarBehindWithLittleRoom_ReadsOnAsItAcknowledges()
    {
        await _stream.DisposeAsync();
        _stream = new TestStream(memory: 64 * 1024);
        var link = Fill(2_000);
        link.Send(Consumer(1, "first", prefetch: 300));
        for (var settled = 0; settled < 2_000; settled += 100)
        {
            link.Send(new SettleItem(Settlement.Ack, [new OffsetRange(StreamOffsets.Tag(1, settled), 100)]));
        }

        Assert.Equal(Numbered(0, 2_000), Given(link, 1));
    }

    [Fact]
    public async Task Consumers_FarBehindAtTheSamePlace_ShareWhatIsReadBack()
    {
        await _stream.DisposeAsync();
        _stream = new TestStream(memory: 64 * 1024);
        var link = Fill(4_000);
        link.Send(Consumer(1, "first", prefetch: 10_000));
        var alone = _stream.Gateway.StreamReads;
        Assert.True(alone > 2, $"{alone} reads");

        link.Send(Consumer(2, "first", prefetch: 10_000), Consumer(3, "first", prefetch: 10_000));
        Assert.Equal(2 * alone, _stream.Gateway.StreamReads);

        // Of two that do not read at the same time, and do not begin at the same place, the second finds what was read for the first.
        link.Send(Consumer(4, "first", prefetch: 1_000), Consumer(5, 130, prefetch: 100));
        var before = _stream.Gateway.StreamReads;
        link.Send(new SettleItem(Settlement.Ack, [new OffsetRange(StreamOffsets.Tag(5, 130), 100)]));
        Assert.Equal(before, _stream.Gateway.StreamReads);
        Assert.Equal(Numbered(0, 4_000), Given(link, 2));
        Assert.Equal(Numbered(0, 4_000), Given(link, 3));
        Assert.Equal(Numbered(0, 1_000), Given(link, 4));
        Assert.Equal(Numbered(130, 330), Given(link, 5));
    }

    [Fact]
    public async Task Consumer_OfMessagesOfWhichTheStoreHasLostSome_IsGivenAllOthers()
    {
        await _stream.DisposeAsync();
        _stream = new TestStream(memory: 64 * 1024);
        var link = Fill(4_000);
        _stream.Gateway.StoreLoses = true;
        for (var first = 50; first < 3_000; first += 100)
        {
            _stream.Stream.Storage!.Journal.Settle(first, first + 50);
        }

        _stream.Gateway.Pump();
        link.Send(Consumer(1, "first", prefetch: 20));
        for (var settled = 0; Given(link, 1) is var given && given.Length > settled; settled = given.Length)
        {
            link.Send(new SettleItem(Settlement.Ack, [.. given[settled..].Select(one => new OffsetRange(StreamOffsets.Tag(1, one.Offset), 1))]));
        }

        Assert.Equal(Numbered(0, 4_000).Where(one => one.Offset is >= 3_000 || one.Offset % 100 < 50), Given(link, 1));
    }

    [Fact]
    public async Task Time_OfMessagesThatAreNotInMemory_IsFoundInTheStore()
    {
        await _stream.DisposeAsync();
        _stream = new TestStream(memory: 64 * 1024);
        for (var i = 0; i < 1_000; i++)
        {
            Publish(i * 4, 4);
            _stream.Gateway.Now += 1_000;
        }

        var link = _stream.Gateway.Open();
        link.Send(Consumer(1, FieldValue.Timestamp(1_000 + 123), prefetch: 10_000));

        Assert.Equal(Numbered(123 * 4, 4_000), Given(link, 1));
    }

    [Fact]
    public async Task Restart_GoesOnWithTheNextOffset()
    {
        Publish(0, 5);
        await _stream.RestartAsync();
        var link = Publish(5, 5);
        link.Send(Consumer(1, "first"), Consumer(2, "last"));

        Assert.Equal(Numbered(0, 10), Given(link, 1));
        Assert.Equal(10, _stream.Stream.ReadyCount);
    }

    [Fact]
    public async Task Restart_ConsumerThatComesAgain_GoesOnWhereItWas()
    {
        Publish(0, 5);
        await _stream.RestartAsync();
        Publish(5, 5);
        var link = _stream.Gateway.Open();
        link.Send(Consumer(1, "first", prefetch: 5, position: StreamOffsets.Tag(1, 3)), Consumer(2, "next", position: StreamOffsets.Tag(2, 5)), new HoldItem(1, [new OffsetRange(StreamOffsets.Tag(1, 1), 2)]));

        Assert.Equal(Numbered(3, 6), Given(link, 1));
        Assert.Equal(Numbered(5, 10), Given(link, 2));
        link.Send(new SettleItem(Settlement.Ack, [new OffsetRange(StreamOffsets.Tag(1, 1), 2)]));
        Assert.Equal(Numbered(3, 8), Given(link, 1));
    }

    [Fact]
    public async Task Restart_BatchThatIsSentAgain_IsTakenOnce()
    {
        var session = SessionId.New();
        _stream.Gateway.Open(session).Send(new PublishItem(Batches.Of(0, 3), Resent: false) { Number = 1 });
        await _stream.RestartAsync();
        var link = _stream.Gateway.Open(
            session, 2, new PublishItem(Batches.Of(0, 3), Resent: true) { Number = 1 }, new PublishItem(Batches.Of(3, 2), Resent: true) { Number = 2 }, Consumer(1, "first"));

        Assert.Equal(Numbered(0, 5), Given(link, 1));
        Assert.Equal(5, link.Watermark);
    }

    [Fact]
    public void Link_ThatFollowsAnother_TakesItsConsumersOver()
    {
        var session = SessionId.New();
        var first = _stream.Gateway.Open(session);
        first.Send(new PublishItem(Batches.Of(0, 3), Resent: false) { Number = 1 }, Consumer(1, "first"));
        var second = _stream.Gateway.Open(session, 2, new PublishItem(Batches.Of(0, 3), Resent: true) { Number = 1 }, Consumer(1, "first", position: StreamOffsets.Tag(1, 2)));

        Assert.Equal(Numbered(2, 3), Given(second, 1));
        Assert.Equal((1, 3), (_stream.Stream.ConsumerCount, _stream.Stream.ReadyCount));
    }

    /// <summary>What a transaction acknowledges or rejects the gateway says once more, and what it gives back it does not.</summary>
    [Theory]
    [InlineData(Settlement.Ack)]
    [InlineData(Settlement.Reject)]
    [InlineData(Settlement.Requeue)]
    [InlineData(Settlement.Failed)]
    public void Transaction_ThatSettlesADelivery_MakesRoomForOneMore(Settlement settlement)
    {
        var link = Publish(0, 5);
        link.Send(Consumer(1, "first", prefetch: 1), Consumer(2, "first", prefetch: 1));
        var settle = SettleItem.Of(settlement, [new OffsetRange(StreamOffsets.Tag(1, 0), 1)]);
        var gateway = _stream.Gateway;
        foreach (var takesEffect in (ReadOnlySpan<bool>)[false, true])
        {
            var part = new TransactionPart(TransactionId.New(), gateway.Connection, link.Session, [settle], []);
            Assert.Equal(PrepareAnswer.Prepared, gateway.Slot.Prepare(part, gateway.Now, out _));
            Assert.Equal(Numbered(0, 1), Given(link, 1));
            gateway.Slot.Decide(part.Id, takesEffect, gateway.Now);
            gateway.Pump();
        }

        if (settlement is Settlement.Ack or Settlement.Reject)
        {
            Assert.Equal(Numbered(0, 1), Given(link, 1));
            link.Send(settle);
        }

        Assert.Equal(Numbered(0, 2), Given(link, 1));
        Assert.Equal(Numbered(0, 1), Given(link, 2));
        Assert.Equal(2, _stream.Stream.Figures.Unacked);
    }

    /// <summary>The session says over its next link what it holds: what a transaction is about to give back is not among that.</summary>
    [Fact]
    public void Transaction_OfASessionThatHasGoneOnOverAnotherLink_MakesNoRoomThere()
    {
        var link = Publish(0, 5);
        link.Send(Consumer(1, "first", prefetch: 1));
        var gateway = _stream.Gateway;
        var part = new TransactionPart(
            TransactionId.New(), gateway.Connection, link.Session, [new SettleItem(Settlement.Requeue, [new OffsetRange(StreamOffsets.Tag(1, 0), 1)])], []);
        Assert.Equal(PrepareAnswer.Prepared, gateway.Slot.Prepare(part, gateway.Now, out _));
        var next = gateway.Open(link.Session, 2, Consumer(1, "first", prefetch: 1, position: StreamOffsets.Tag(1, 1)));
        gateway.Slot.Decide(part.Id, takesEffect: true, gateway.Now);
        gateway.Pump();

        Assert.Equal(Numbered(1, 2), Given(next, 1));
    }

    [Fact]
    public void Consumer_ThatIsDetached_IsGivenNothingMore()
    {
        var link = Publish(0, 5);
        link.Send(Consumer(1, "first", prefetch: 2));
        link.Send(new DetachItem(1));
        link.Send(new SettleItem(Settlement.Ack, [new OffsetRange(StreamOffsets.Tag(1, 0), 2)]));

        Assert.Equal(2, Given(link, 1).Length);
        Assert.Equal((0, 0), (_stream.Stream.ConsumerCount, _stream.Stream.Figures.Unacked));
    }

    [Fact]
    public void Link_ThatIsClosed_LeavesNothing()
    {
        var link = Publish(0, 5);
        link.Send(Consumer(1, "first", prefetch: 2), Consumer(2, "first", prefetch: 2));
        link.Send(new CloseItem());

        Assert.Contains(new ClosedItem(), link.Items);
        Assert.Equal((0, 0), (_stream.Stream.ConsumerCount, _stream.Stream.Figures.Unacked));
    }

    private TestLink Fill(int count)
    {
        for (var i = 0; i < count; i += 100)
        {
            Publish(i, 100);
        }

        return _stream.Gateway.Open();
    }

    private TestLink Publish(long first, int count)
    {
        var link = _stream.Gateway.Open();
        link.Publish(first, count);
        return link;
    }

    private static MessageBatch WithFilterValue(MessageBatch batch, string? value) => value is null
        ? batch
        : WithProperties(batch, new BasicProperties { Headers = FieldTable.Of(("x-stream-filter-value", value)) });

    private static MessageBatch WithProperties(MessageBatch batch, BasicProperties properties)
    {
        var record = new MessageRecord(batch.Records.Span);
        var bytes = properties.Encode();
        var copy = new byte[record.Length - record.Properties.Length + bytes.Length];
        var at = MessageRecord.WriteHead(copy, record.Flags, record.Priority, 0, record.Exchange, record.RoutingKey, bytes, record.Body.Length);
        record.Body.CopyTo(copy.AsSpan(at));
        return batch with { Records = copy };
    }

    private static List<BasicProperties> Properties(MessageBatch batch)
    {
        List<BasicProperties> all = [];
        for (var records = batch.Records.Span; !records.IsEmpty; records = records[MessageRecord.LengthOf(records)..])
        {
            all.Add(BasicProperties.Decode(new MessageRecord(records).Properties));
        }

        return all;
    }
}
