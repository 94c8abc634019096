using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Threads;
using Granary.Core.Topology;
using Granary.Silo.Queues.Activation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Queues;

public sealed class LocalLinkTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Find_ANameThatIsNotActive_IsNull()
    {
        await using var silo = await TestSilo.StartAsync();
        Assert.Null(LocalOf(silo).Find(KeyOf("none")));
    }

    [Fact]
    public async Task Packets_ByCallAndWithoutOne_AreOneStream()
    {
        await using var silo = await TestSilo.StartAsync();
        var queue = await DeclareAsync(silo, "both");
        var link = new Link(silo, "both", observer: true);
        await link.SendByCallAsync(new PublishItem(Batches.Of(0, 1), false));
        for (var i = 1; i < 20; i++)
        {
            var publish = new PublishItem(Batches.Of(i, 1), false);
            if (i % 2 == 0)
            {
                await link.SendByCallAsync(publish);
            }
            else
            {
                Assert.True(link.TrySend(publish));
            }
        }

        await link.WhenAsync(() => link.Items.OfType<PublishedItem>().Count() == 20);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => new PublishedItem(i, null)), link.Items.OfType<PublishedItem>());
        Assert.Equal(20, (await queue.DescribeAsync(default)).Messages);
    }

    [Fact]
    public async Task Queue_InManyHandsAtOnce_LosesNothingAndKeepsTheOrderOfEachLink()
    {
        const int Links = 6, Each = 2_000;
        await using var silo = await TestSilo.StartAsync();
        var queue = await DeclareAsync(silo, "hands");
        var consumer = new Link(silo, "hands");
        Assert.True(consumer.TrySend(new AttachItem(1, "t", NoAck: true, false, 0, false, default, new Window(long.MaxValue, long.MaxValue))));
        var asking = new CancellationTokenSource();
        var asks = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!asking.IsCancellationRequested)
            {
                Assert.Null((await queue.DescribeAsync(default)).Error);
            }
        })).ToArray();

        await Task.WhenAll(Enumerable.Range(0, Links).Select(number => Task.Run(async () =>
        {
            var link = new Link(silo, "hands", observer: true);
            for (var i = 0; i < Each; i++)
            {
                var publish = new PublishItem(Batches.Of((number * 1_000_000) + i, 1), false);
                if (number % 2 == 0)
                {
                    Assert.True(link.TrySend(publish));
                }
                else
                {
                    await link.SendByCallAsync(publish);
                }
            }

            await link.WhenAsync(() => link.Items.OfType<PublishedItem>().Count() == Each);
        })));
        await consumer.WhenAsync(() => consumer.Delivered.Count >= Links * Each);
        await asking.CancelAsync();
        await Task.WhenAll(asks);

        Assert.Equal(Links * Each, consumer.Delivered.Count);
        foreach (var link in consumer.Delivered.GroupBy(id => id / 1_000_000))
        {
            Assert.Equal(Enumerable.Range(0, Each), link.Select(id => (int)(id % 1_000_000)));
        }
    }

    [Fact]
    public async Task Queue_ThatIsGone_TakesNothingWithoutACallOnceItsActivationEnded()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        var queue = await DeclareAsync(silo, "ends");
        var local = LocalOf(silo).Find(KeyOf("ends"))!;
        await queue.DeleteAsync(default, ifUnused: false, ifEmpty: false);
        Assert.Equal(["ends"], await log.TakeAsync(EventLog.Leaving, 1));
        Assert.False(local.TrySend(new LinkUp { Link = LinkId.New(), Number = 0 }, new Link(silo, "ends")));
        Assert.Null((await (await DeclareAsync(silo, "ends")).DescribeAsync(default)).Error);
        Assert.NotSame(local, LocalOf(silo).Find(KeyOf("ends")));
    }

    [Fact]
    public async Task Turn_ThatFails_EndsTheActivationAndTellsItsLinks()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        silo.Watched.Expect(EventLog.TurnFailed);
        await DeclareAsync(silo, "fails");
        Link before = new(silo, "fails"), failing = new(silo, "fails"), behind = new(silo, "fails");
        SameThreadContext.Run(
            queue =>
            {
                // One turn. The first packet of a link has to open it.
                before.TrySend(new PublishItem(Batches.Of(0, 1), false));
                queue.TrySend(new LinkUp { Link = LinkId.New(), Number = 1 }, failing);
                behind.TrySend(new PublishItem(Batches.Of(1, 1), false));
            },
            LocalOf(silo).Find(KeyOf("fails"))!);

        await before.WhenAsync(() => before.Items.Contains(new EndedItem(LinkEnd.Lost)));
        Assert.Contains(new PublishedItem(0, null), before.Items);
        Assert.Equal((0, 1, 1), (before.Failures, failing.Failures, behind.Failures));
        Assert.Equal(["fails"], await log.TakeAsync(EventLog.TurnFailed, 1));
        Assert.Equal(BrokerError.NoQueue("/", "fails"), (await QueueOf(silo, "fails").DescribeAsync(default)).Error);
    }

    [Fact]
    public async Task Call_WhoseTurnFails_EndsTheActivationAndIsToldThatTheLinkIsLost()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        silo.Watched.Expect(EventLog.TurnFailed);
        await DeclareAsync(silo, "fails");

        // The first packet of a link has to open it.
        var answer = await QueueOf(silo, "fails").SendAsync(new LinkUp { Link = LinkId.New(), Number = 1 });

        Assert.Equal([new EndedItem(LinkEnd.Lost)], answer.Downs!.SelectMany(down => down.Items));
        Assert.Equal(["fails"], await log.TakeAsync(EventLog.TurnFailed, 1));
    }

    [Fact]
    public async Task AutoDelete_LastConsumerGoesWithoutACall_ItsBindingsAndAutoDeleteExchangesGo()
    {
        await using var silo = await TestSilo.StartAsync();
        var exchange = silo.Grains.GetGrain<IExchangeGrain>(KeyOf("passing"));
        Assert.Null(await exchange.DeclareAsync(new ExchangeDeclaration(ExchangeTypes.Fanout, Durable: false, AutoDelete: true, Internal: false, default)));
        var queue = QueueOf(silo, "short");
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, autoDelete: true))).Error);
        await BindAsync(queue, "short", exchange, "passing");
        await BindAsync(queue, "short", silo.Grains.GetGrain<IExchangeGrain>(KeyOf("amq.fanout")), "amq.fanout");
        var link = new Link(silo, "short");
        Assert.True(link.TrySend(new AttachItem(1, "t", NoAck: true, false, 0, false, default, new Window(long.MaxValue, long.MaxValue))));
        Assert.True(link.TrySend(new DetachItem(1)));

        await UntilAsync(async () => (await exchange.CheckAsync())?.Code == ReplyCode.NotFound);
        await UntilAsync(async () => (await silo.Grains.GetGrain<IExchangeGrain>(KeyOf("amq.fanout")).ListBindingsAsync()).Length == 0);
        Assert.Equal(ReplyCode.NotFound, (await queue.DescribeAsync(default)).Error?.Code);
    }

    [Fact]
    public async Task Expires_NobodyAsks_ItsBindingsGo()
    {
        var expires = TimeSpan.FromMilliseconds(50);
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var silo = await TestSilo.StartAsync(more: silo => silo.Services.AddSingleton<TimeProvider>(time));
        var exchange = silo.Grains.GetGrain<IExchangeGrain>(KeyOf("amq.topic"));
        var queue = QueueOf(silo, "brief");
        var arguments = EncodedTable.From(FieldTable.Of(("x-expires", (int)expires.TotalMilliseconds)));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, arguments: arguments))).Error);
        await BindAsync(queue, "brief", exchange, "amq.topic");
        Assert.Single(await exchange.ListBindingsAsync());

        await UntilAsync(async () =>
        {
            time.Advance(expires);
            return (await exchange.ListBindingsAsync()).Length == 0;
        });
    }

    private static async Task BindAsync(IQueueGrain queue, string name, IExchangeGrain exchange, string exchangeName)
    {
        var answer = await queue.AddBindingSourceAsync(default, exchangeName);
        Assert.Null(answer.Error);
        Assert.Null(await exchange.BindAsync(new Binding(new Destination(DestinationKind.Queue, name, answer.Incarnation), "k", default), answer.Durable));
    }

    private static async Task UntilAsync(Func<Task<bool>> happened)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await happened())
        {
            await Task.Delay(10, limit.Token);
        }
    }

    private static string KeyOf(string queue) => GrainKeys.For("/", queue);

    private static IQueueGrain QueueOf(TestSilo silo, string queue) => silo.Grains.GetGrain<IQueueGrain>(KeyOf(queue));

    private static LocalQueues LocalOf(TestSilo silo) => silo.Services.GetRequiredService<LocalQueues>();

    private static async Task<IQueueGrain> DeclareAsync(TestSilo silo, string queue)
    {
        var grain = QueueOf(silo, queue);
        Assert.Null((await grain.DeclareAsync(TestGateway.Declaration(default))).Error);
        return grain;
    }

    /// <summary>A gateway's end in the silo's process. Its calls may be under way while packets go without.</summary>
    private sealed class Link : ILocalLink, ILinkObserver
    {
        private readonly Lock _gate = new();
        private readonly LinkStreams _streams = new(TimeProvider.System);
        private readonly IQueueGrain _grain;
        private readonly ILocalQueue _local;
        private readonly ILinkObserver _observer;
        private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Link(TestSilo silo, string queue, bool observer = false)
        {
            _grain = QueueOf(silo, queue);
            _local = LocalOf(silo).Find(KeyOf(queue)) ?? new Nowhere();
            _observer = observer ? silo.Grains.CreateObjectReference<ILinkObserver>(this) : this;
        }

        /// <summary>All that came, in order. To be read in <see cref="WhenAsync"/>, or when nothing comes any more.</summary>
        public List<LinkDownItem> Items { get; } = [];

        public List<long> Delivered { get; } = [];

        public int Failures { get; private set; }

        public bool TrySend(params LinkUpItem[] items)
        {
            lock (_gate)
            {
                return _local.TrySend(Next(items), this);
            }
        }

        public async Task SendByCallAsync(params LinkUpItem[] items)
        {
            LinkUp up;
            lock (_gate)
            {
                up = Next(items);
            }

            Answer(await _grain.SendAsync(up));
        }

        public async Task WhenAsync(Func<bool> happened)
        {
            while (true)
            {
                Task moved;
                lock (_gate)
                {
                    if (happened())
                    {
                        return;
                    }

                    moved = _moved.Task;
                }

                await moved.WaitAsync(Patience);
            }
        }

        public void Answer(in LinkAnswer answer)
        {
            lock (_gate)
            {
                _streams.Answered(answer);
                foreach (var down in answer.Downs ?? [])
                {
                    Accept(down);
                }

                Move();
            }
        }

        public void Fail()
        {
            lock (_gate)
            {
                Failures++;
                _streams.Failed();
                Move();
            }
        }

        public void Receive(LinkDown down)
        {
            lock (_gate)
            {
                Accept(down);
                Move();
            }
        }

        public Task ReceiveAsync(LinkDown down)
        {
            Receive(down);
            return Task.CompletedTask;
        }

        private LinkUp Next(LinkUpItem[] items) => _streams.Add(items, _streams.IsNew ? new LinkOpen(ConnectionId.New(), _observer, SessionId.New(), default, 1) : null);

        private void Accept(LinkDown first)
        {
            for (var down = _streams.Accept(first); down is not null; down = _streams.Next())
            {
                Items.AddRange(down.Items);
                Delivered.AddRange(down.Items.OfType<DeliveryItem>().SelectMany(item => item.Slices).SelectMany(Batches.Ids));
            }
        }

        private void Move()
        {
            _moved.SetResult();
            _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        private sealed class Nowhere : ILocalQueue
        {
            public bool TrySend(LinkUp up, ILocalLink link) => false;
        }
    }
}
