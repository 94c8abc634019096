using System.Collections.Concurrent;
using System.Net;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Queues;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>Dead letters that stay their queue's until all queues that they go to have them (x-dead-letter-strategy), by a clock that the test moves.</summary>
public sealed class AtLeastOnceTests
{
    private const int Kept = 3228;
    private const int Count = 3;
    private const string Exchange = "dlx";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly (string, FieldValue)[] Full = [("x-max-length", Count), ("x-overflow", "reject-publish")];

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly MemoryStore _store = new();
    private readonly ConcurrentDictionary<string, int> _sent = new(StringComparer.Ordinal);

    // Queues answer those that are not asked any more, too, and Orleans says so where nobody has them any longer.
    private readonly ConcurrentBag<GrainLink> _links = [];

    [Fact]
    public async Task RefusedMessages_ArriveOnce_WhenThereIsRoom()
    {
        await using var silo = await StartAsync();
        await DeclareSourceAsync(silo, "", "dead");
        var dead = await DeclareFullAsync(silo, "dead");
        await PublishAsync(silo);
        await UntilSentAsync("dead", 3);
        Assert.Equal(Count, await CountAsync(dead));
        Assert.Equal(Count, await CountStoredAsync("source"));

        await dead.PurgeAsync(default);
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        await PassAsync();
        Assert.Equal([0, 1, 2], await TakeAllAsync(silo, dead));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnroutedMessages_ArriveOnce_WhenAQueueIsBound(bool isExchangeThere)
    {
        await using var silo = await StartAsync();
        await DeclareSourceAsync(silo, Exchange, "k");
        if (isExchangeThere)
        {
            await DeclareExchangeAsync(silo);
        }

        await PublishAsync(silo);
        await PassAsync();
        Assert.Equal(Count, await CountStoredAsync("source"));

        if (!isExchangeThere)
        {
            await DeclareExchangeAsync(silo);
        }

        var dead = await DeclareAsync(silo, "dead");
        await BindAsync(silo, "dead");
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        await PassAsync();
        Assert.Equal([0, 1, 2], await TakeAllAsync(silo, dead));
    }

    [Fact]
    public async Task MessagesForAQueueThatIsNotThere_ArriveOnce_WhenItIsDeclared()
    {
        await using var silo = await StartAsync();
        await DeclareSourceAsync(silo, "", "dead");
        await PublishAsync(silo);
        await UntilSentAsync("dead", 2);
        Assert.Equal(Count, await CountStoredAsync("source"));
        var dead = await DeclareAsync(silo, "dead");
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        await PassAsync();
        Assert.Equal([0, 1, 2], await TakeAllAsync(silo, dead));
    }

    /// <summary>The one is not sent again and again what the other refuses.</summary>
    [Fact]
    public async Task OneOfTwoQueues_ThatIsFull_GetsWhatTheOtherHasOnce_WhenThereIsRoom()
    {
        await using var silo = await StartAsync();
        await DeclareExchangeAsync(silo);
        await DeclareSourceAsync(silo, Exchange, "k");
        var (open, full) = (await DeclareAsync(silo, "open"), await DeclareFullAsync(silo, "full"));
        await BindAsync(silo, "open");
        await BindAsync(silo, "full");
        await PublishAsync(silo);
        await UntilSentAsync("full", 4);
        Assert.Equal((Count, Count, Count), (await CountAsync(open), await CountAsync(full), await CountStoredAsync("source")));
        await full.PurgeAsync(default);
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        await PassAsync();
        Assert.Equal([0, 1, 2], await TakeAllAsync(silo, full));
        Assert.Equal([0, 1, 2], await TakeAllAsync(silo, open));
    }

    [Fact]
    public async Task SomeOfABatch_ThatAreRefused_ArriveOnce_WhenThereIsRoom()
    {
        await using var silo = await StartAsync();
        await DeclareSourceAsync(silo, "", "dead");
        var dead = await DeclareAsync(silo, "dead", ("x-max-length", 1), ("x-overflow", "reject-publish"));
        await PublishAsync(silo);
        await UntilSentAsync("dead", 2);
        Assert.Equal((1, Count - 1), (await CountAsync(dead), await CountStoredAsync("source")));
        await using var collector = await CollectAsync(silo, dead);
        List<long> ids = [];
        await UntilAsync(async () =>
        {
            ids.AddRange(Take(collector));
            return await CountStoredAsync("source") == 0 && ids.Count >= Count;
        });
        await PassAsync();
        Assert.Equal([0, 1, 2], ids.Concat(Take(collector)).Order());
    }

    [Theory]
    [InlineData("quorum", "at-most-once", "reject-publish")]
    [InlineData("quorum", "at-least-once", "drop-head")]
    [InlineData("quorum", null, "reject-publish")]
    [InlineData("classic", null, "reject-publish")]
    public async Task RefusedMessages_OfOtherQueues_AreGone(string type, string? strategy, string overflow)
    {
        await using var silo = await StartAsync();
        (string, FieldValue)[] strategies = strategy is null ? [] : [("x-dead-letter-strategy", strategy)];
        await DeclareAsync(
            silo, "source",
            [("x-queue-type", type), ("x-overflow", overflow), .. strategies, ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "dead"), ("x-message-ttl", 10)]);
        var dead = await DeclareFullAsync(silo, "dead");
        await PublishAsync(silo);

        // What filled it was sent there, too.
        await UntilAsync(() => Task.FromResult(_sent.GetValueOrDefault("dead") >= 2));
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        await dead.PurgeAsync(default);
        await PassAsync();
        Assert.Equal(0, await CountAsync(dead));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task RefusedMessages_ArriveAfterACrash_WithNobodyCalling(int ttl)
    {
        MemoryStore crashed;
        await using (var silo = await StartAsync())
        {
            await DeclareSourceAsync(silo, "", "dead", ttl);
            await DeclareFullAsync(silo, "dead");
            await PublishAsync(silo);
            await UntilSentAsync("dead", 3);
            crashed = _store.Copy();
        }

        await using var again = await StartAsync(crashed);
        var dead = again.Grains.Queue("/", "dead");
        await dead.PurgeAsync(default);
        await UntilAsync(async () => await CountAsync(dead) == Count);
        Assert.Equal([0, 1, 2], await TakeAllAsync(again, dead));
    }

    /// <summary>They are neither ready nor anybody's to purge; with the queue they go.</summary>
    [Fact]
    public async Task RefusedMessages_StayWhenTheirQueueIsPurged_AndGoWhenItIsDeleted()
    {
        await using var silo = await StartAsync();
        var source = await DeclareSourceAsync(silo, "", "dead");
        var dead = await DeclareFullAsync(silo, "dead");
        await PublishAsync(silo);
        await UntilSentAsync("dead", 2);
        Assert.Equal(0, (await source.PurgeAsync(default)).Messages);
        Assert.Equal(Count, await CountStoredAsync("source"));

        Assert.Null((await source.DeleteAsync(default, ifUnused: false, ifEmpty: false)).Error);
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        await PassAsync();
        var sent = _sent["dead"];
        await dead.PurgeAsync(default);
        await PassAsync();
        Assert.Equal((0, sent), (await CountAsync(dead), _sent["dead"]));

        // One that is declared since has nothing of it.
        await DeclareSourceAsync(silo, "", "dead");
        await PublishAsync(silo, first: 7, count: 1);
        await UntilAsync(async () => await CountAsync(dead) > 0);
        await PassAsync();
        Assert.Equal([7], await TakeAllAsync(silo, dead));
    }

    /// <summary>Elsewhere they would be in it again, as if they had not died.</summary>
    [Fact]
    public async Task Queue_OfWhichMessagesWait_StaysWhereItIs()
    {
        await using var silo = await StartAsync();
        var source = await DeclareSourceAsync(silo, "", "dead");
        var dead = await DeclareFullAsync(silo, "dead");
        await PublishAsync(silo);
        await UntilSentAsync("dead", 2);
        var answer = await source.MoveAsync(SiloAddress.New(IPAddress.Loopback, 9, 9));
        Assert.Equal("queue 'source' in vhost '/' cannot be moved: dead messages of it are not yet where they are to go", answer.Error?.Explanation);
        await dead.PurgeAsync(default);
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
    }

    [Fact]
    public async Task TransientMessages_ThatAreRefused_ArriveOnce_WhenThereIsRoom()
    {
        await using var silo = await StartAsync();
        await DeclareSourceAsync(silo, "", "dead");
        var dead = await DeclareFullAsync(silo, "dead");
        await PublishAsync(silo, persistent: false);
        await UntilSentAsync("dead", 3);
        await dead.PurgeAsync(default);
        await UntilAsync(async () => await CountAsync(dead) == Count);
        await PassAsync();
        Assert.Equal([0, 1, 2], await TakeAllAsync(silo, dead));
    }

    [Fact]
    public async Task MoreMessagesThanAreTriedTogether_AllArriveOnce_WhenThereIsRoom()
    {
        const int Many = 3_000;
        await using var silo = await StartAsync();
        await DeclareSourceAsync(silo, "", "dead");
        await PublishAsync(silo, count: Many);
        await UntilSentAsync("dead", 2);
        var dead = await DeclareAsync(silo, "dead");
        await UntilAsync(async () => await CountStoredAsync("source") == 0);
        Assert.Equal(Enumerable.Range(0, Many).Select(static id => (long)id), (await TakeAllAsync(silo, dead)).Order());
    }

    private async Task<TestSilo> StartAsync(MemoryStore? store = null)
    {
        var silo = await TestSilo.StartAsync(store: store ?? _store, more: silo =>
        {
            silo.Services.AddSingleton<TimeProvider>(_time);
            silo.AddIncomingGrainCallFilter(async call =>
            {
                await call.Invoke();
                if (call.MethodName == nameof(IQueueGrain.SendAsync) && call.Request.GetArgument(0) is LinkUp up && up.Items.Any(static item => item is PublishItem))
                {
                    _sent.AddOrUpdate(GrainKeys.Parse(call.TargetId.Key.ToString()!).Name, 1, static (_, count) => count + 1);
                }
            });
        });
        silo.Watched.Allow(Kept);
        return silo;
    }

    private static Task<IQueueGrain> DeclareSourceAsync(TestSilo silo, string exchange, string key, int ttl = 10) => DeclareAsync(
        silo, "source",
        ("x-queue-type", "quorum"), ("x-dead-letter-strategy", "at-least-once"), ("x-overflow", "reject-publish"), ("x-dead-letter-exchange", exchange),
        ("x-dead-letter-routing-key", key), ("x-message-ttl", ttl));

    private static async Task<IQueueGrain> DeclareAsync(TestSilo silo, string name, params (string, FieldValue)[] arguments)
    {
        var queue = silo.Grains.Queue("/", name);
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true, arguments: EncodedTable.From(FieldTable.Of(arguments))))).Error);
        return queue;
    }

    private async Task<IQueueGrain> DeclareFullAsync(TestSilo silo, string name)
    {
        var queue = await DeclareAsync(silo, name, Full);
        await using var link = await OpenAsync(silo, queue, new PublishItem(Batches.Of(100, Count, persistent: true), Resent: false));
        return queue;
    }

    private static async Task DeclareExchangeAsync(TestSilo silo) =>
        Assert.Null(await silo.Grains.Exchange("/", Exchange).DeclareAsync(new ExchangeDeclaration(ExchangeTypes.Fanout, true, false, false, default)));

    private static async Task BindAsync(TestSilo silo, string queue) =>
        Assert.Null(await silo.Grains.Exchange("/", Exchange).BindAsync(new Binding(new Destination(DestinationKind.Queue, queue, default), "", default), toDurable: true));

    /// <summary>Publishes messages to the source, where they die.</summary>
    private async Task PublishAsync(TestSilo silo, int first = 0, int count = Count, bool persistent = true)
    {
        var source = silo.Grains.Queue("/", "source");
        await using var link = await OpenAsync(silo, source, new PublishItem(Batches.Of(first, count, persistent: persistent), Resent: false), new CloseItem());
        await UntilAsync(async () => await CountAsync(source) == 0);
    }

    private static async Task<int> CountAsync(IQueueGrain queue) => (int)(await queue.DescribeAsync(default)).Messages;

    private async Task<long> CountStoredAsync(string queue) =>
        (await _store.CountMessagesAsync(default)).Where(count => count.Queue.Key == GrainKeys.For("/", queue)).Sum(static count => count.Messages);

    private Task<GrainLink> CollectAsync(TestSilo silo, IQueueGrain queue) => OpenAsync(
        silo, queue, new AttachItem(1, "c", true, false, 0, false, default, new Window(long.MaxValue, long.MaxValue)));

    private async Task<GrainLink> OpenAsync(TestSilo silo, IQueueGrain queue, params LinkUpItem[] items)
    {
        var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), items);
        _links.Add(link);
        return link;
    }

    private static IEnumerable<long> Take(GrainLink link)
    {
        while (link.Items.TryRead(out var item))
        {
            foreach (var slice in item is DeliveryItem delivery ? delivery.Slices : [])
            {
                foreach (var id in Batches.Ids(slice))
                {
                    yield return id;
                }
            }
        }
    }

    /// <summary>All that is in a queue now.</summary>
    private async Task<List<long>> TakeAllAsync(TestSilo silo, IQueueGrain queue)
    {
        var count = await CountAsync(queue);
        await using var link = await CollectAsync(silo, queue);
        List<long> ids = [];
        await UntilAsync(() =>
        {
            ids.AddRange(Take(link));
            return Task.FromResult(ids.Count >= count);
        });
        return ids;
    }

    private Task UntilSentAsync(string queue, int times)
    {
        var before = _sent.GetValueOrDefault(queue);
        return UntilAsync(() => Task.FromResult(_sent.GetValueOrDefault(queue) - before >= times));
    }

    /// <summary>Lets pass what would be several times that messages are tried again.</summary>
    private async Task PassAsync()
    {
        var until = _time.GetUtcNow() + TimeSpan.FromSeconds(60);
        await UntilAsync(() => Task.FromResult(_time.GetUtcNow() >= until));
    }

    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            _time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Delay(5, patience.Token);
        }
    }
}
