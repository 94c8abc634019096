using System.Diagnostics;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Tests.Queues;

namespace Granary.Silo.Tests.Storage;

/// <summary>A silo whose store takes nothing more.</summary>
public sealed class EndedStoreTests
{
    private const int Fenced = 3309;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Silo_ThatStops_WaitsForNothingOfItsQueues()
    {
        var store = new FakeStore();
        var silo = await TestSilo.StartAsync(store: store);
        silo.Watched.Expect(Fenced);
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true))).Error);
        var observer = new Deaf();
        store.IsFenced = true;
        await queue.SendAsync(new LinkUp
        {
            Link = LinkId.New(),
            Number = 1,
            Open = new LinkOpen(ConnectionId.New(), silo.Grains.CreateObjectReference<ILinkObserver>(observer), SessionId.New(), default, 1),
            Items = [new PublishItem(Batches.Of(0, 1, persistent: true), Resent: false) { Number = 1 }],
        });
        Assert.True(SpinWait.SpinUntil(() => silo.Watched.Lines.Any(line => line.Event == Fenced), TimeSpan.FromSeconds(30)));

        var began = Stopwatch.GetTimestamp();
        await silo.DisposeAsync();

        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, Soon);
        GC.KeepAlive(observer);
    }

    private sealed class Deaf : ILinkObserver
    {
        public Task ReceiveAsync(LinkDown down) => Task.CompletedTask;
    }
}
