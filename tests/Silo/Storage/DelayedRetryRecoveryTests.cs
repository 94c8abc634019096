using CsCheck;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Hosting;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Unkind;
using Granary.Testing.Walks;

namespace Granary.Silo.Tests.Storage;

/// <summary>Messages of quorum queues that wait before they are delivered again (x-delayed-retry-type), after the loss of their queue's activation.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class DelayedRetryRecoveryTests : IAsyncLifetime
{
    private readonly WalkStore _store = new("granary-retries-");

    /// <summary>What the store has of how often messages came back, and until when they wait.</summary>
    private readonly Dictionary<long, DeliveryCountBlock> _stored = [];

    private TestGateway _gateway = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Theory]
    [InlineData(StoreKind.Memory)]
    [InlineData(StoreKind.Files)]
    [InlineData(StoreKind.Postgres)]
    public async Task Waits_OutliveARestart(StoreKind kind)
    {
        await BeginAsync(kind, long.MaxValue);
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
        await BeginAsync(StoreKind.Memory, long.MaxValue);
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
        await BeginAsync(StoreKind.Memory, long.MaxValue);
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
    [InlineData(StoreKind.Memory, long.MaxValue)]
    [InlineData(StoreKind.Memory, 1_000)]
    [InlineData(StoreKind.Files, 1_000)]
    [InlineData(StoreKind.Postgres, 1_000)]
    public void RandomOperations_AndRestarts_AreThoseOfAList(StoreKind kind, long budget) => Step.Any.Array[1, 200].Walk(
        steps => WalkAsync(steps, kind, budget).GetAwaiter().GetResult(), count: 8, print: static steps => string.Join('\n', steps));

    private async Task WalkAsync(Step[] steps, StoreKind kind, long budget)
    {
        await BeginAsync(kind, budget);
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

    private (long Id, bool Redelivered, long Count)[] After(TestLink link, long milliseconds) => _gateway.After(link, milliseconds);

    private async Task BeginAsync(StoreKind kind, long budget)
    {
        _stored.Clear();
        var stores = await _store.BeginAsync(kind, budget);
        var arguments = DelayedRetries.Arguments(("x-delayed-retry-min", 1_000), ("x-delayed-retry-max", 3_000), ("x-delivery-limit", -1));
        _gateway = new TestGateway(stores).Declare(durable: true, arguments: EncodedTable.From(arguments));
    }

    private async Task RestartAsync(params SessionId[] sessions)
    {
        _gateway.Pump();
        foreach (var block in _gateway.Queue.DeliveryCounts!.TakeChanges())
        {
            _stored.Remove(block.Number);
            if (block.Counts is not null)
            {
                _stored.Add(block.Number, block);
            }
        }

        (_gateway, var storage) = await _store.TakeOverAsync(_gateway, sessions);
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
            Assert.Equal((_ready.Min, _returns.GetValueOrDefault(id)), (id, DelayedRetries.CountOf(slice)));
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
