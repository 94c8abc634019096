using System.Buffers.Binary;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Core.Transactions;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Queues that take no message twice (x-message-deduplication).</summary>
public sealed class DeduplicationTests : IAsyncLifetime
{
    private static readonly Func<byte[]> Nothing = static () => [0, 0];

    private readonly FakeStores _stores = new();
    private long _lastId;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stores.DisposeAsync();

    [Fact]
    public void Duplicate_IsConfirmedDroppedAndCounted()
    {
        var gateway = Declare();
        var link = gateway.Open();
        var items = link.Send(Publish(Id("a"), Id("b"), Id("a"), Id("c"), Id("b")));

        Assert.Equal(new PublishedItem(0, null), Assert.Single(items.OfType<PublishedItem>()));
        Assert.Equal(5, link.Watermark);
        Assert.Equal((3, 3, 2), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Publish], gateway.Queue.Figures[QueueCount.Duplicate]));
        link.Attach(1);
        Assert.Equal([1L, 2L, 4L], link.GivenIds(1));
    }

    [Fact]
    public void Key_IsTheHeader_OrElseTheMessageId_OrNothing()
    {
        var gateway = Declare();
        gateway.Open().Send(Publish(
            Header("x", "1"), Header("x", "2"), Header(7, "1"), Header(7L, "1"), Header("7", "1"), Header(FieldValue.Void, "3"), Id("3"), Id("x"), Nothing, Nothing));

        // The second, the fourth and the seventh are like one before.
        Assert.Equal((7, 3), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public void Window_OfACount_ForgetsTheOldest()
    {
        var gateway = Declare(("x-cache-size", 2));
        gateway.Open().Send(Publish(Id("a"), Id("b"), Id("a"), Id("c"), Id("b"), Id("a"), Id("c")));

        Assert.Equal((4, 3), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public void Window_OfATime_IsNotProlongedByADuplicate()
    {
        var gateway = Declare(("x-cache-ttl", 100));
        var link = gateway.Open();
        foreach (var (at, ready) in new[] { (0, 1), (60, 1), (99, 1), (100, 2), (150, 2) })
        {
            gateway.Now = 1_000 + at;
            link.Send(Publish(Id("a")));
            Assert.Equal(ready, gateway.Queue.ReadyCount);
        }
    }

    [Fact]
    public void Message_ThatIsGone_IsNotForgotten()
    {
        var gateway = Declare();
        var link = gateway.Open();
        link.Attach(1);
        link.Send(Publish(Id("a")));
        link.Settle(Settlement.Ack, (0, 1));
        link.Send(new DetachItem(1), Publish(Id("b")));
        Assert.Equal(1, gateway.Slot.Purge(gateway.Connection, gateway.Now).Messages);

        link.Send(Publish(Id("a"), Id("b"), Id("c")));

        Assert.Equal(1, gateway.Queue.ReadyCount);
    }

    /// <summary>It may be the message that was taken, on its way back as a dead letter or by a move.</summary>
    [Theory]
    [InlineData(MessageFlags.DeadLettered, false)]
    [InlineData(MessageFlags.SingleKey, false)]
    [InlineData(MessageFlags.DeadLettered | MessageFlags.SingleKey, true)]
    public void Message_ThatTheBrokerSendsOn_IsNoDuplicateAndIsRemembered(MessageFlags flags, bool isLimited)
    {
        var gateway = isLimited ? Declare(("x-max-length", 10), ("x-overflow", "reject-publish")) : Declare();
        gateway.Open().Send(Publish(Id("a")), Publish(flags, Id("a"), Id("b")), Publish(Id("a"), Id("b")), Publish(flags, Id("b")));

        Assert.Equal((4, 2), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    /// <summary>Batches are known by their numbers, whatever is in them.</summary>
    [Fact]
    public async Task BatchThatTheBrokerSendsOn_AndSendsAgain_IsTakenOnce()
    {
        var session = SessionId.New();
        var item = Publish(MessageFlags.Persistent | MessageFlags.DeadLettered, Id("a")) with { Number = 1 };
        var gateway = Declare();
        gateway.Open(session, item);
        gateway = await RestartAsync(gateway, session);

        gateway.Open(session, item with { Resent = true });

        Assert.Equal((1, 0), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public void Message_ThatIsRefused_IsNotRemembered()
    {
        var gateway = Declare(("x-max-length", 1), ("x-overflow", "reject-publish"));
        var link = gateway.Open();
        var refused = Assert.Single(link.Send(Publish(Id("a"), Id("b"), Id("a"))).OfType<PublishedItem>());
        Assert.Equal([1], refused.Refused!);
        Assert.Equal(2, link.Watermark);
        link.Send(new GetItem(1, NoAck: true));

        Assert.Null(Assert.Single(link.Send(Publish(Id("b"))).OfType<PublishedItem>()).Refused);
        Assert.Equal((1, 1), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public async Task Restart_RemembersPersistentMessages_WhateverBecameOfThem()
    {
        var gateway = Declare(("x-cache-size", 4));
        var link = gateway.Open();
        link.Send(Publish(persistent: true, Id("forgotten"), Id("a")));
        link.Attach(1, noAck: true);
        link.Send(Publish(persistent: true, Id("b"), Id("c"), Id("d")));
        link.Send(Publish(persistent: false, Id("transient")));
        Assert.Equal(0, gateway.Queue.ReadyCount);

        gateway = await RestartAsync(gateway);
        gateway.Open().Send(Publish(persistent: true, Id("b"), Id("c"), Id("d"), Id("transient"), Id("forgotten")));

        Assert.Equal((2, 3), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public async Task BatchThatIsSentAgain_IsNoDuplicate()
    {
        var session = SessionId.New();
        var gateway = Declare();
        gateway.Open(session, Publish(persistent: true, Id("a"), Id("b")) with { Number = 1 });
        gateway = await RestartAsync(gateway, session);

        var link = gateway.Open(session, Publish(persistent: true, Id("a"), Id("b")) with { Number = 1, Resent = true }, Publish(persistent: true, Id("b"), Id("c")) with { Number = 2 });

        Assert.Equal((3, 1), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
        Assert.True(link.Watermark > link.Items.OfType<PublishedItem>().Last().FirstOffset + 1);
    }

    [Fact]
    public async Task Policy_TurnsItOnAndOff()
    {
        var gateway = new TestGateway(_stores.Queues).Declare(durable: true);
        var link = gateway.Open();
        link.Send(Publish(persistent: true, Id("a"), Id("a")));
        gateway.Apply("""{"message-deduplication":true}""");
        link.Send(Publish(persistent: true, Id("a"), Id("a")));
        Assert.Equal(3, gateway.Queue.ReadyCount);
        gateway.Apply("""{"message-deduplication":true,"cache-size":1}""");
        link.Send(Publish(persistent: true, Id("a"), Id("b"), Id("a")));
        Assert.Equal(5, gateway.Queue.ReadyCount);
        gateway.Apply();
        link.Send(Publish(persistent: true, Id("a")));
        Assert.Equal(6, gateway.Queue.ReadyCount);

        // Nothing of it is left in the store.
        gateway = await RestartAsync(gateway);
        Assert.DoesNotContain(gateway.Queue.Storage!.Backlog.Sessions, static progress => progress.Session.Value.Version == 8);
    }

    [Fact]
    public void Window_OfAnExchange_IsForWhatComesThroughIt()
    {
        var gateway = new TestGateway(_stores.Queues).Declare(durable: true);
        var link = gateway.Open();
        link.Send(Asking(100, null, Id("a"), Id("b"), Id("a")), Publish(Id("a"), Id("a"), Id("c")), Asking(100, null, Id("c"), Id("b")));

        Assert.Equal((6, 2), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public async Task WindowsOfExchanges_ComeToTheWidest_AlsoAfterARestart()
    {
        var gateway = new TestGateway(_stores.Queues).Declare(durable: true);
        gateway.Open().Send(
            Asking(1, 50, Id("a")), Asking(3, 20, Id("b"), Id("c"), Id("d"), Id("a"), Id("c")));
        Assert.Equal((5, 1), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));

        gateway = await RestartAsync(gateway);
        gateway.Now += 49;
        gateway.Open().Send(Asking(1, 1, Id("c"), Id("d"), Id("a"), Id("b")));
        Assert.Equal((6, 3), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
        gateway.Now += 50;
        gateway.Open().Send(Asking(1, 1, Id("c")));
        Assert.Equal(7, gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Window_OfTheQueue_HoldsInsteadOfThoseOfExchanges()
    {
        var gateway = Declare(("x-cache-size", 1));
        var link = gateway.Open();
        link.Send(Asking(100, null, Id("a"), Id("b"), Id("a"), Id("a")));
        Assert.Equal((3, 1), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));

        var other = new TestGateway(_stores.Queues, name: "other").Declare(durable: true);
        link = other.Open();
        link.Send(Asking(100, null, Id("a"), Id("b")));
        other.Apply("""{"message-deduplication":true,"cache-size":1}""");
        link.Send(Publish(Id("b"), Id("a")));
        Assert.Equal((3, 1), (other.Queue.ReadyCount, other.Queue.Figures[QueueCount.Duplicate]));
        other.Apply();
        link.Send(Publish(Id("b"), Id("a")), Asking(1, null, Id("a"), Id("b"), Id("c")));
        Assert.Equal((7, 2), (other.Queue.ReadyCount, other.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public void Window_OfAnExchange_CountsInAFullQueueAndInATransaction()
    {
        var gateway = new TestGateway(_stores.Queues).Declare(
            durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-max-length", 2), ("x-overflow", "reject-publish"))));
        var link = gateway.Open();
        Assert.Null(Assert.Single(link.Send(Asking(9, null, Id("a"), Id("a"), Id("a"))).OfType<PublishedItem>()).Refused);
        var part = new TransactionPart(TransactionId.New(), gateway.Connection, default, [], [Asking(9, null, Id("a"), Id("b")).Batch]);
        Assert.Equal(PrepareAnswer.Full, gateway.Slot.Prepare(part, gateway.Now, out _));
        link.Send(new GetItem(1, NoAck: true));
        Assert.Equal(PrepareAnswer.Prepared, gateway.Slot.Prepare(part with { Id = TransactionId.New() }, gateway.Now, out var prepared));
        gateway.Slot.Decide(prepared!.Id, takesEffect: true, gateway.Now);
        Assert.Equal((1, 3), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Duplicate]));
    }

    [Fact]
    public void Window_OfATransaction_IsStoredWithIt()
    {
        var part = new TransactionPart(
            TransactionId.New(), ConnectionId.New(), default, [], [Publish(Id("a")).Batch, Asking(5, null, Id("b")).Batch, Asking(6, 7, Id("c")).Batch]);
        var row = PreparedRows.Added("%2F/q", Guid.NewGuid(), part);
        var (_, read) = PreparedRows.Parse(new Row(row.Key, row.Value!.Value, 1));
        Assert.Equal([null, new DeduplicationWindow(5, null), new DeduplicationWindow(6, 7)], read.Batches.Select(static batch => batch.Window));
    }

    [Theory]
    [InlineData("x-message-deduplication", 1, "{unacceptable_type,signedint}")]
    [InlineData("x-cache-size", 0, "{value_zero,0}")]
    [InlineData("x-cache-size", 1_000_001, "{max_value_exceeded,1000001}")]
    [InlineData("x-cache-ttl", -5, "{value_negative,-5}")]
    public void Argument_OfAnExchangeThatIsWrong_IsRefused(string name, int value, string why) => Assert.Equal(
        $"invalid arg '{name}' for exchange 'x' in vhost '/': {why}", ExchangeRules.CheckArguments("/", "x", "direct", FieldTable.Of((name, value)))?.Explanation);

    /// <summary>Of the community's plugin.</summary>
    [Theory]
    [InlineData(null, null, null, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")]
    [InlineData("0", null, null, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")]
    [InlineData("many", null, null, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")]
    [InlineData("5", "-1", null, "Invalid argument, 'x-cache-ttl' must be an integer greater than 0")]
    [InlineData("5", "1000", "tape", "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'")]
    [InlineData("5", "1000", "disk", null)]
    public void Exchange_OfTheType_TakesTheArgumentsOfThePlugin(string? size, string? ttl, string? persistence, string? why)
    {
        var arguments = FieldTable.Of([.. new[] { ("x-cache-size", size), ("x-cache-ttl", ttl), ("x-cache-persistence", persistence) }
            .Where(static argument => argument.Item2 is not null).Select(static argument => (argument.Item1, (FieldValue)argument.Item2!))]);
        Assert.Equal(why, ExchangeRules.CheckArguments("/", "x", "x-message-deduplication", arguments)?.Explanation);
    }

    [Theory]
    [InlineData("x-message-deduplication", 1, "{unacceptable_type,signedint}")]
    [InlineData("x-cache-size", 0, "{value_zero,0}")]
    [InlineData("x-cache-size", 1_000_001, "{max_value_exceeded,1000001}")]
    [InlineData("x-cache-ttl", -5, "{value_negative,-5}")]
    public void Argument_ThatIsWrong_IsRefused(string name, int value, string why)
    {
        var arguments = EncodedTable.From(FieldTable.Of((name, value)));
        var (_, error) = QueueDefinition.From("/", "q", TestGateway.Declaration(default, arguments: arguments));
        Assert.Equal(new BrokerError(ReplyCode.PreconditionFailed, $"invalid arg '{name}' for queue 'q' in vhost '/': {why}"), error);
    }

    private static Func<byte[]> Id(string id) => () => new BasicProperties { MessageId = id }.Encode();

    private static Func<byte[]> Header(FieldValue value, string id) =>
        () => new BasicProperties { MessageId = id, Headers = FieldTable.Of(("x-deduplication-header", value)) }.Encode();

    /// <summary>Through an exchange with a window.</summary>
    private PublishItem Asking(int size, long? ttl, params Func<byte[]>[] messages)
    {
        var item = Publish(persistent: true, messages);
        return item with { Batch = item.Batch with { Window = new DeduplicationWindow(size, ttl) } };
    }

    private PublishItem Publish(params Func<byte[]>[] messages) => Publish(persistent: false, messages);

    private PublishItem Publish(bool persistent, params Func<byte[]>[] messages) => Publish(persistent ? MessageFlags.Persistent : MessageFlags.None, messages);

    // Bodies count on.
    private PublishItem Publish(MessageFlags flags, params Func<byte[]>[] messages)
    {
        List<byte> records = [];
        foreach (var message in messages)
        {
            var properties = message();
            var record = new byte[MessageRecord.SizeOf(hasExpiry: false, 0, 1, properties.Length, sizeof(long))];
            BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(MessageRecord.WriteHead(record, flags, 0, 0, [], "k"u8, properties, sizeof(long))), ++_lastId);
            records.AddRange(record);
        }

        return new PublishItem(new MessageBatch(records.ToArray(), messages.Length, flags), Resent: false);
    }

    private TestGateway Declare(params (string, FieldValue)[] arguments) => new TestGateway(_stores.Queues).Declare(
        durable: true, arguments: EncodedTable.From(FieldTable.Of([("x-message-deduplication", true), .. arguments])));

    private async Task<TestGateway> RestartAsync(TestGateway before, params SessionId[] sessions)
    {
        await before.Queue.Storage!.Journal.FlushAsync();
        var identity = before.Queue.Storage!.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", before.Queue.Definition.ToDeclaration());
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        var after = new TestGateway(_stores.Queues) { Now = before.Now };
        after.Resumed.UnionWith(sessions);
        after.Slot.Restore(definition, identity.Incarnation, [], storage, after.Now, sessions, after.Now);
        after.Pump();
        return after;
    }
}
