using Granary.Amqp;
using Granary.Core;
using Granary.Core.Alarms;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Exchanges;

/// <summary>Exchanges over silos that end, in good order or not, and others that start with what they stored.</summary>
public sealed class ExchangeRestartTests
{
    private const int StoreOutOfReach = 3301, StoreIsBack = 3302, AnotherHasWritten = 3103;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly ExchangeDeclaration Durable = new(ExchangeTypes.Fanout, Durable: true, AutoDelete: false, Internal: false, default);

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, false)]
    public async Task Binding_AnsweredBeforeACrash_IsThereAfterItIfBothEndsAreDurable(bool sourceDurable, bool queueDurable, bool survives)
    {
        var store = new MemoryStore();
        MemoryStore crashed;
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            Assert.Null(await Grain(silo, "x").DeclareAsync(Durable with { Durable = sourceDurable }));
            var queue = await DeclareQueueAsync(silo, queueDurable);
            Assert.Equal(queueDurable, queue.Durable);
            Assert.Null(await Grain(silo, "x").BindAsync(ToQueue(queue), queue.Durable));
            crashed = store.Copy();
        }

        await using var next = await TestSilo.StartAsync(store: crashed);
        Assert.Equal(sourceDurable ? null : BrokerError.NoExchange("/", "x"), await Grain(next, "x").CheckAsync());
        Assert.Equal(survives ? 1 : 0, (await Grain(next, "x").ListBindingsAsync()).Length);
        if (sourceDurable)
        {
            Assert.Null(await Grain(next, "x").DeclareAsync(Durable));
            Assert.Equal(ReplyCode.PreconditionFailed, (await Grain(next, "x").DeclareAsync(Durable with { Type = "direct" }))?.Code);
        }
    }

    [Fact]
    public async Task Predeclared_DurableBindings_SurviveAndCanBeRemoved()
    {
        var store = new MemoryStore();
        Binding kept, removed;
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            var queue = await DeclareQueueAsync(silo, durable: true);
            (kept, removed) = (ToQueue(queue) with { RoutingKey = "kept.*" }, ToQueue(queue) with { RoutingKey = "removed.*" });
            Assert.Null(await Grain(silo, "amq.topic").BindAsync(kept, toDurable: true));
            Assert.Null(await Grain(silo, "amq.topic").BindAsync(removed, toDurable: true));
            Assert.Null(await Grain(silo, "amq.topic").BindAsync(kept with { RoutingKey = "transient" }, toDurable: false));
            Assert.Null(await Grain(silo, "amq.topic").UnbindAsync(removed));
        }

        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            Assert.Equal([kept], await Grain(silo, "amq.topic").ListBindingsAsync());
            await Grain(silo, "amq.topic").RemoveDestinationAsync(kept.Destination);
        }

        Assert.Empty(await store.ReadRowsAsync(BindingRows.TableOf(GrainKeys.For("/", "amq.topic")), default));
    }

    [Fact]
    public async Task Delete_Durable_LeavesNothing()
    {
        var store = new MemoryStore();
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            Assert.Null(await Grain(silo, "x").DeclareAsync(Durable));
            Assert.Null(await Grain(silo, "x").BindAsync(ToQueue(default), toDurable: true));
            Assert.Null(await Grain(silo, "x").DeleteAsync(ifUnused: false));
            await AssertGoneAsync(store.Copy(), "x");
            Assert.Null(await Grain(silo, "x").DeclareAsync(Durable));
        }

        await using var next = await TestSilo.StartAsync(store: store);
        Assert.Null(await Grain(next, "x").CheckAsync());
        Assert.Empty(await Grain(next, "x").ListBindingsAsync());
    }

    [Fact]
    public async Task AutoDelete_LastBindingGone_IsGoneFromTheStore()
    {
        var store = new MemoryStore();
        var binding = ToQueue(default);
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            Assert.Null(await Grain(silo, "x").DeclareAsync(Durable with { AutoDelete = true }));
            Assert.Null(await Grain(silo, "x").BindAsync(binding, toDurable: true));
        }

        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            Assert.Null(await Grain(silo, "x").UnbindAsync(binding));
            await AssertGoneAsync(store.Copy(), "x");
            Assert.Equal(BrokerError.NoExchange("/", "x"), await Grain(silo, "x").CheckAsync());
        }
    }

    [Fact]
    public async Task Delete_CrashAfterAnyFlush_IsFinishedThoughNobodyCalls()
    {
        var store = new RecordingStore();
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            foreach (var name in new[] { "s1", "s2", "d" })
            {
                Assert.Null(await Grain(silo, name).DeclareAsync(Durable));
            }

            foreach (var source in new[] { "s1", "s2" })
            {
                var to = await Grain(silo, "d").AddBindingSourceAsync(source);
                Assert.True(to.Durable);
                var binding = new Binding(new Destination(DestinationKind.Exchange, "d", to.Incarnation), "", default);
                Assert.Null(await Grain(silo, source).BindAsync(binding, to.Durable));
            }

            Assert.Null(await Grain(silo, "d").DeleteAsync(ifUnused: false));
        }

        var unfinished = 0;
        foreach (var crashed in store.AfterEachFlush)
        {
            if ((await crashed.ReadRowsAsync(DueTable.Table, default)).Count == 0)
            {
                continue;
            }

            unfinished++;
            await using var silo = await TestSilo.StartAsync(store: crashed);
            await UntilAsync(async () => (await crashed.ReadRowsAsync(DueTable.Table, default)).Count == 0);
            await AssertGoneAsync(crashed, "d");
            Assert.Empty(await crashed.ReadRowsAsync(BindingRows.TableOf(GrainKeys.For("/", "s1")), default));
            Assert.Empty(await crashed.ReadRowsAsync(BindingRows.TableOf(GrainKeys.For("/", "s2")), default));
            Assert.Null(await Grain(silo, "s1").CheckAsync());
        }

        Assert.True(unfinished > 0, "No flush left a deletion to be finished.");
    }

    [Fact]
    public async Task Declare_StoreOutOfReach_RaisesTheAlarmAndIsAnsweredWhenItIsBack()
    {
        var store = new RecordingStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        silo.Watched.Expect(StoreOutOfReach, StoreIsBack);
        var alarms = silo.Services.GetRequiredService<PublisherAlarms>();
        store.IsOutOfReach = true;

        var declared = Grain(silo, "x").DeclareAsync(Durable).AsTask();
        await UntilAsync(() => Task.FromResult(alarms.IsRaised));
        Assert.Equal("the store is out of reach", alarms.Reason);
        Assert.Null(await Grain(silo, "transient").DeclareAsync(Durable with { Durable = false }).AsTask().WaitAsync(Patience));
        Assert.False(declared.IsCompleted);

        store.IsOutOfReach = false;
        Assert.Null(await declared.WaitAsync(Patience));
        await alarms.WaitUntilClearAsync(CancellationToken.None).WaitAsync(Patience);
    }

    [Fact]
    public async Task Declare_AtOnceByMany_SharesFlushes()
    {
        var written = new TaskCompletionSource();
        var store = new RecordingStore();
        var begun = 0;
        await using (var silo = await TestSilo.StartAsync(store: store, more: silo => silo.AddIncomingGrainCallFilter(async call =>
        {
            var invoked = call.Invoke();
            if (call.MethodName == nameof(IExchangeGrain.DeclareAsync) && Interlocked.Increment(ref begun) == 200)
            {
                written.SetResult();
            }

            await invoked;
        })))
        {
            // The store has its first account by now.
            store.RowsOfEachFlush.Clear();
            store.Held = written.Task;
            var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Grain(silo, $"x{i}").DeclareAsync(Durable).AsTask())).WaitAsync(Patience);
            Assert.All(answers, Assert.Null);
        }

        Assert.Equal(200, store.RowsOfEachFlush.Sum());
        Assert.True(store.RowsOfEachFlush.Count < 200, $"{store.RowsOfEachFlush.Count} flushes for 200 declares.");
    }

    [Fact]
    public async Task AnotherWriter_Meanwhile_EndsTheActivationAndTheNextHasWhatIsStored()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        Assert.Null(await Grain(silo, "x").DeclareAsync(Durable));
        silo.Watched.Expect(AnotherHasWritten);
        var row = await store.ReadRowAsync(new RowKey("exchange", GrainKeys.For("/", "x")), default);
        var flush = new Flush();
        flush.Rows.Add(new RowChange(row!.Key, row.Value));
        await store.FlushAsync(flush, default);

        await Assert.ThrowsAnyAsync<Exception>(async () => await Grain(silo, "x").AddBindingSourceAsync("s"));

        var answer = await Grain(silo, "x").AddBindingSourceAsync("s");
        Assert.Null(answer.Error);
        Assert.Equal(3, (await store.ReadRowAsync(row.Key, default))!.Version);
    }

    private static IExchangeGrain Grain(TestSilo silo, string name) => silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", name));

    private static Binding ToQueue(QueueAnswer queue) => new(new Destination(DestinationKind.Queue, "q", queue.Incarnation), "k", default);

    private static async Task<QueueAnswer> DeclareQueueAsync(TestSilo silo, bool durable)
    {
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
        Assert.Null((await queue.DeclareAsync(new QueueDeclaration(default, durable, false, false, default, false))).Error);
        return await queue.AddBindingSourceAsync(default, "x");
    }

    private static async Task AssertGoneAsync(MemoryStore store, string name)
    {
        Assert.Null(await store.ReadRowAsync(new RowKey("exchange", GrainKeys.For("/", name)), default));
        Assert.Empty(await store.ReadRowsAsync(BindingRows.TableOf(GrainKeys.For("/", name)), default));
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
