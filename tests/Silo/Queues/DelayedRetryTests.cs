using CsCheck;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Walks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Messages of quorum queues that come back wait before they are delivered again (x-delayed-retry-type).</summary>
public sealed class DelayedRetryTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("granary-retries-");

    /// <summary>What the store has of how often messages came back, and until when they wait.</summary>
    private readonly Dictionary<long, DeliveryCountBlock> _stored = [];

    private GroupCommit? _commit;
    private QueueStores _stores = null!;
    private TestGateway _gateway = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await EndAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Message_WaitsLongerEachTime_UpToTheMost()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-delayed-retry-max", 2_500)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        foreach (var (count, delay) in new[] { (1L, 1_000), (2, 2_000), (3, 2_500), (4, 2_500) })
        {
            Assert.Empty(link.Settle(Settlement.Requeue, (0, 1)));
            Assert.Equal((_gateway.Now + delay, 0), (_gateway.Slot.NextDue, _gateway.Queue.ReadyCount));
            Assert.Empty(After(link, delay - 1));
            Assert.Equal((0L, true, count), Assert.Single(After(link, 1)));
        }
    }

    [Fact]
    public void Most_IsAsMuchAsTheLeast_WhereNobodySaysIt()
    {
        var link = Declare(("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        for (var i = 0; i < 3; i++)
        {
            link.Settle(Settlement.Failed, (0, 1));
            Assert.Empty(After(link, 999));
            Assert.Single(After(link, 1));
        }
    }

    [Theory]
    [InlineData("all", Settlement.Requeue, true)]
    [InlineData("all", Settlement.Failed, true)]
    [InlineData("all", Settlement.Undelivered, false)]
    [InlineData("failed", Settlement.Requeue, false)]
    [InlineData("failed", Settlement.Failed, true)]
    [InlineData("returned", Settlement.Requeue, true)]
    [InlineData("returned", Settlement.Failed, false)]
    [InlineData("disabled", Settlement.Requeue, false)]
    [InlineData("unheard-of", Settlement.Requeue, false)]
    public void Type_SaysWhichMessagesWait(string type, Settlement how, bool waits)
    {
        var link = Declare(("x-delayed-retry-type", type), ("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        Assert.Equal(waits ? 0 : 1, TestLink.Given(link.Settle(how, (0, 1)), 1).Length);
        Assert.Equal(waits ? 1 : 0, _gateway.Queue.WaitingCount);
    }

    [Fact]
    public void Message_ComesBackToItsPlace_AndOthersDoNotWaitForIt()
    {
        var link = Declare(("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 6);
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));
        link.Settle(Settlement.Ack, (2, 1));
        Assert.Equal(4, link.GivenIds(1)[^1]);
        _gateway.Now += 1_000;
        link.Settle(Settlement.Ack, (3, 2));
        Assert.Equal([0, 1], link.GivenIds(1)[^2..]);
        link.Settle(Settlement.Ack, (0, 2));
        Assert.Equal(5, link.GivenIds(1)[^1]);
    }

    [Fact]
    public void Connection_ThatEnds_LeavesItsMessagesToWait()
    {
        var link = Declare(("x-delayed-retry-type", "failed"), ("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new CloseItem());
        var other = _gateway.Open();
        other.Attach(1);
        Assert.Empty(other.GivenIds(1));
        Assert.Equal([(0L, true, 1L), (1L, true, 1L)], After(other, 1_000));
    }

    [Fact]
    public void Message_ThatCameBackTooOften_DiesAndDoesNotWait()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-delivery-limit", 1), ("x-dead-letter-exchange", "dlx")).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Settle(Settlement.Requeue, (0, 1));
        After(link, 1_000);
        link.Settle(Settlement.Requeue, (0, 2));
        var dead = Assert.Single(_gateway.Slot.Dead);
        Assert.Equal((0L, 1, "delivery_limit"), (dead.Run.First, dead.Run.Count, DeathHistory.NameOf(dead.Reason)));
        Assert.Equal((1L, true, 1L), Assert.Single(After(link, 1_000)));
    }

    [Fact]
    public void Message_WhoseTimeIsUp_ExpiresAndIsNotDelivered()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-message-ttl", 400), ("x-dead-letter-exchange", "dlx")).Open();
        link.Attach(1);
        link.Publish(0, 1);
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal(_gateway.Now + 400, _gateway.Slot.NextDue);
        Assert.Empty(After(link, 400));
        Assert.Equal(DeathReason.Expired, Assert.Single(_gateway.Slot.Dead).Reason);
        Assert.Equal((0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.WaitingCount));
    }

    [Fact]
    public void Purge_RemovesThemAndCountsThem()
    {
        var link = Declare(("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1, prefetch: 3);
        link.Publish(0, 5);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal((2, 2, 1), (_gateway.Queue.WaitingCount, _gateway.Queue.ReadyCount, _gateway.Queue.Figures.Unacked));
        Assert.Equal(4, _gateway.Slot.Purge(_gateway.Connection, _gateway.Now).Messages);
        Assert.Equal((0, MessageRun.Never, true), (_gateway.Queue.WaitingCount, _gateway.Slot.NextDue, _gateway.Queue.DeliveryCounts!.IsEmpty));
    }

    [Fact]
    public void LengthLimit_CountsThem()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-max-length", 2), ("x-overflow", "reject-publish")).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal([0], Assert.Single(link.Publish(2, 1).OfType<PublishedItem>()).Refused!);
        link.Attach(1);
        After(link, 1_000);
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Null(Assert.Single(link.Publish(3, 1).OfType<PublishedItem>()).Refused);
    }

    [Fact]
    public void LengthLimit_DropsWhatIsReady_AndNotWhatWaits()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-max-length", 2)).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (0, 2));
        link.Publish(2, 3);
        Assert.Equal((2, 0), (_gateway.Queue.WaitingCount, _gateway.Queue.ReadyCount));
        Assert.Equal(3, _gateway.Queue.Figures[QueueCount.Drop]);
        link.Attach(1);
        Assert.Equal([0, 1], After(link, 1_000).Select(given => given.Id));
    }

    [Fact]
    public void Policy_SaysItForTheNextReturns()
    {
        _gateway = new TestGateway().Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum"))));
        var link = _gateway.Open();
        link.Attach(1);
        link.Publish(0, 1);
        Assert.Single(TestLink.Given(link.Settle(Settlement.Requeue, (0, 1)), 1));
        _gateway.Apply("""{"delayed-retry-type":"all","delayed-retry-min":100,"delayed-retry-max":1000}""");
        Assert.Empty(link.Settle(Settlement.Requeue, (0, 1)));
        _gateway.Apply();
        Assert.Equal((0L, true, 2L), Assert.Single(After(link, 200)));
        Assert.Single(TestLink.Given(link.Settle(Settlement.Requeue, (0, 1)), 1));
    }

    [Fact]
    public void Figures_SayHowManyWait_AndUntilWhen()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-delayed-retry-max", 5_000)).Open();
        link.Attach(1);
        link.Publish(0, 2);
        var start = _gateway.Now;
        link.Settle(Settlement.Requeue, (0, 1));
        After(link, 1_000);
        link.Settle(Settlement.Requeue, (0, 2));
        var figure = _gateway.Queue.Figures.ToFigure(new SampleTimes(1));
        Assert.Equal((2, 0, 0, 2), (figure.Waiting, figure.Ready, figure.Unacked, figure.Messages));
        Assert.Equal((start + 2_000, start + 3_000), (figure.NextWaiting, figure.LastWaiting));
        Assert.True(figure.ReadyBytes > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Waits_OutliveARestart(bool isOnFiles)
    {
        await BeginAsync(isOnFiles, long.MaxValue);
        var link = _gateway.Open();
        link.Send(TestLink.Attachment(1, prefetch: 3), new PublishItem(Batches.Of(0, 4, persistent: true), false));
        link.Settle(Settlement.Requeue, (1, 1));
        _gateway.Now += 400;
        link.Settle(Settlement.Requeue, (2, 1));
        link.Settle(Settlement.Ack, (0, 1));
        _gateway.Now += 100;
        await RestartAsync();
        Assert.Equal((2, 1), (_gateway.Queue.WaitingCount, _gateway.Queue.ReadyCount));

        link = _gateway.Open();
        link.Attach(1);
        Assert.Equal([3], link.GivenIds(1));
        Assert.Empty(After(link, 499));
        Assert.Equal((1L, true, 1L), Assert.Single(After(link, 1)));
        Assert.Empty(After(link, 399));
        Assert.Equal((2L, true, 1L), Assert.Single(After(link, 1)));
        link.Settle(Settlement.Ack, (1, 3));
        _gateway.Pump();
        await RestartAsync();
        Assert.Equal((0, 0), (_gateway.Queue.WaitingCount, _gateway.Queue.ReadyCount));
    }

    [Fact]
    public async Task Wait_ThatIsOver_IsOverAfterARestart()
    {
        await BeginAsync(isOnFiles: false, long.MaxValue);
        var link = _gateway.Open();
        link.Send(TestLink.Attachment(1), new PublishItem(Batches.Of(0, 1, persistent: true), false));
        link.Settle(Settlement.Requeue, (0, 1));
        _gateway.Now += 5_000;
        await RestartAsync();
        link = _gateway.Open();
        link.Attach(1);
        Assert.Equal([0], link.GivenIds(1));
    }

    /// <summary>A session that has not heard that a return is stored says it again.</summary>
    [Fact]
    public async Task Return_SaidAgainAfterARestart_CountsOnce()
    {
        await BeginAsync(isOnFiles: false, long.MaxValue);
        var session = SessionId.New();
        _gateway.Open(session, TestLink.Attachment(1), new PublishItem(Batches.Of(0, 3, persistent: true), false)).Settle(Settlement.Requeue, (1, 1));
        await RestartAsync(session);

        var link = _gateway.Open(session, TestLink.Attachment(1), new HoldItem(1, [new OffsetRange(0, 3)]), new SettleItem(Settlement.Requeue, [new OffsetRange(1, 1)]));

        Assert.Empty(link.GivenIds(1));
        Assert.Equal((1L, true, 1L), Assert.Single(After(link, 1_000)));
        link.Settle(Settlement.Ack, (0, 3));
        _gateway.Pump();
        Assert.Equal((0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.WaitingCount));
    }

    /// <summary>Publishes, gets, settlements, time and restarts in any order, with much memory or hardly any, against a list.</summary>
    [Theory]
    [InlineData(false, long.MaxValue)]
    [InlineData(false, 1_000)]
    [InlineData(true, 1_000)]
    public void RandomOperations_AndRestarts_AreThoseOfAList(bool isOnFiles, long budget) => Step.Any.Array[1, 200].Walk(
        steps => WalkAsync(steps, isOnFiles, budget).GetAwaiter().GetResult(), count: 8, print: static steps => string.Join('\n', steps));

    private async Task WalkAsync(Step[] steps, bool isOnFiles, long budget)
    {
        await BeginAsync(isOnFiles, budget);
        var model = new Model();
        var link = _gateway.Open();
        foreach (var step in steps)
        {
            switch (step.Kind)
            {
                case StepKind.Publish:
                    link.Send(new PublishItem(Batches.Of(model.NextId, step.Number, id => 8 + (int)(id % 300), persistent: true), false));
                    model.Publish(step.Number);
                    break;
                case StepKind.Get:
                    for (var i = 0; i < step.Number; i++)
                    {
                        model.Got(link.Send(new GetItem(i, NoAck: false)).OfType<GotItem>().Single().Message);
                    }

                    break;
                case StepKind.Settle when model.Unacked.Count > 0:
                    var (offset, id) = model.Unacked.ElementAt(step.Number % model.Unacked.Count);
                    link.Settle(step.Flag ? Settlement.Ack : Settlement.Requeue, (offset, 1));
                    model.Settle(offset, id, step.Flag, _gateway.Now);
                    break;
                case StepKind.Wait:
                    _gateway.Now += step.Number;
                    _gateway.Slot.RunDue(_gateway.Now);
                    _gateway.Pump();
                    break;
                case StepKind.Restart:
                    await RestartAsync();
                    link = _gateway.Open();
                    model.Restart();
                    break;
            }

            model.Look(_gateway.Now);
            Assert.Equal((model.ReadyCount, model.WaitingCount), (_gateway.Queue.ReadyCount, _gateway.Queue.WaitingCount));
        }

        _gateway.Now += 1_000_000;
        model.Look(_gateway.Now);
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.Pump();
        while (model.ReadyCount > 0)
        {
            model.Got(link.Send(new GetItem(0, NoAck: false)).OfType<GotItem>().Single().Message);
        }

        link.Settle(Settlement.Ack, [.. model.Unacked.Keys.Select(static offset => (offset, 1))]);
        Assert.Equal((0, 0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes, _gateway.Queue.WaitingCount));
        Assert.True(_gateway.Queue.DeliveryCounts!.IsEmpty);
    }

    private static FieldTable Arguments(params (string Name, FieldValue Value)[] more)
    {
        (string, FieldValue)[] type = more.Any(static one => one.Name == "x-delayed-retry-type") ? [] : [("x-delayed-retry-type", "all")];
        return FieldTable.Of([("x-queue-type", "quorum"), .. type, .. more]);
    }

    private TestGateway Declare(params (string, FieldValue)[] arguments) =>
        _gateway = new TestGateway().Declare(durable: true, arguments: EncodedTable.From(Arguments(arguments)));

    /// <summary>What the link's first consumer is given when so much time has passed: ids, whether redelivered, how often they came back.</summary>
    private (long Id, bool Redelivered, long Count)[] After(TestLink link, long milliseconds)
    {
        var before = link.Items.Count;
        _gateway.Now += milliseconds;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.DeliverPushes();
        _gateway.Pump();
        return
        [
            .. link.Items.Skip(before).OfType<DeliveryItem>().SelectMany(static item => item.Slices)
                .SelectMany(static slice => Batches.Ids(slice).Select(id => (id, slice.Redelivered, CountOf(slice)))),
        ];
    }

    private static long CountOf(DeliverySlice slice) =>
        BasicPropertiesView.Read(new MessageRecord(slice.Batch.Records.Span).Properties).TryGetHeaders(out var headers)
        && FieldTable.Decode(headers).TryGetValue("x-delivery-count", out var value) && value.TryGetInteger(out var count)
            ? count
            : 0;

    private async Task BeginAsync(bool isOnFiles, long budget)
    {
        await EndAsync();
        _stored.Clear();
        IMessageStore store = isOnFiles
            ? new FileStore(new FileStoreOptions(Path.Combine(_folder.FullName, "store")), NullLogger<FileStore>.Instance)
            : new FakeStore();
        await store.OpenAsync(CancellationToken.None);
        _commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        _stores = new QueueStores(_commit, null, new MemoryBudget(budget, long.MaxValue));
        var arguments = Arguments(("x-delayed-retry-min", 1_000), ("x-delayed-retry-max", 3_000), ("x-delivery-limit", -1));
        _gateway = new TestGateway(_stores).Declare(durable: true, arguments: EncodedTable.From(arguments));
    }

    // A walk has many beginnings.
    private async Task EndAsync()
    {
        if (_commit is not null)
        {
            await _commit.DisposeAsync();
            await _commit.Store.DisposeAsync();
            _commit = null;
            _folder.GetDirectories().SingleOrDefault()?.Delete(recursive: true);
        }
    }

    private async Task RestartAsync(params SessionId[] sessions)
    {
        _gateway.Pump();
        await _gateway.Queue.Storage!.Journal.FlushAsync();
        foreach (var block in _gateway.Queue.DeliveryCounts!.TakeChanges())
        {
            _stored.Remove(block.Number);
            if (block.Counts is not null)
            {
                _stored.Add(block.Number, block);
            }
        }

        var identity = _gateway.Queue.Storage!.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", _gateway.Queue.Definition.ToDeclaration());
        var storage = (await _stores.TakeOverAsync(identity, TestGateway.Epoch, default))!;
        _gateway = new TestGateway(_stores) { Now = _gateway.Now };
        _gateway.Resumed.UnionWith(sessions);
        _gateway.Slot.Restore(definition, identity.Incarnation, [], storage, _gateway.Now, sessions, _gateway.Now);
        foreach (var block in _stored.Values)
        {
            _gateway.Queue.DeliveryCounts!.Restore(new DeliveryCountBlock(block.Number, [.. block.Counts!], block.Waits is null ? null : [.. block.Waits]));
        }

        _gateway.Queue.DeliveryCounts!.Forget(0, storage.Backlog.First);
        _gateway.Queue.WaitAgain(_gateway.Now);
        _gateway.Pump();
    }

    private enum StepKind
    {
        Publish,
        Get,
        Settle,
        Wait,
        Restart,
    }

    /// <param name="Flag">Of a settlement: an acknowledgement and no return.</param>
    private sealed record Step(StepKind Kind, int Number, bool Flag)
    {
        public static readonly Gen<Step> Any = Gen.Frequency(
            (6, Gen.Int[1, 20].Select(static number => new Step(StepKind.Publish, number, false))),
            (6, Gen.Int[1, 20].Select(static number => new Step(StepKind.Get, number, false))),
            (20, Gen.Select(Gen.Int[0, 1_000], Gen.Frequency((1, true), (2, false)), static (number, flag) => new Step(StepKind.Settle, number, flag))),
            (6, Gen.Int[1, 1_500].Select(static number => new Step(StepKind.Wait, number, false))),
            (1, Gen.Const(new Step(StepKind.Restart, 0, false))));
    }

    /// <summary>A list of messages.</summary>
    private sealed class Model
    {
        private readonly SortedSet<long> _ready = [];
        private readonly Dictionary<long, long> _waiting = [];
        private readonly Dictionary<long, int> _returns = [];

        public long NextId { get; private set; }

        public int ReadyCount => _ready.Count;

        public int WaitingCount => _waiting.Count;

        /// <summary>Ids by offset.</summary>
        public SortedDictionary<long, long> Unacked { get; } = [];

        public void Publish(int count)
        {
            for (var end = NextId + count; NextId < end; NextId++)
            {
                _ready.Add(NextId);
            }
        }

        public void Got(DeliverySlice? message)
        {
            Assert.Equal(_ready.Count == 0, message is null);
            if (message is not { } slice)
            {
                return;
            }

            var id = Assert.Single(Batches.Ids(slice));
            Assert.Equal((_ready.Min, _returns.GetValueOrDefault(id)), (id, CountOf(slice)));
            Assert.True(slice.Redelivered || !_returns.ContainsKey(id));
            _ready.Remove(id);
            Unacked.Add(slice.FirstOffset, id);
        }

        public void Settle(long offset, long id, bool isAck, long now)
        {
            Unacked.Remove(offset);
            if (!isAck)
            {
                var returns = _returns[id] = _returns.GetValueOrDefault(id) + 1;
                _waiting.Add(id, now + Math.Min(1_000 * returns, 3_000));
            }
        }

        public void Look(long now)
        {
            foreach (var (id, _) in _waiting.Where(waiting => waiting.Value <= now).ToArray())
            {
                _waiting.Remove(id);
                _ready.Add(id);
            }
        }

        public void Restart()
        {
            _ready.UnionWith(Unacked.Values);
            Unacked.Clear();
        }
    }
}
