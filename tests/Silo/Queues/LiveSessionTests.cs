using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Ownership;
using Granary.Silo.Queues;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Sessions that a queue waits for when its silo was lost, and those that it need not wait for.</summary>
public sealed class LiveSessionTests
{
    private const int TurnFailed = 3007;

    [Fact]
    public async Task Session_IsAliveFromItsFirstConsumerToItsEnd()
    {
        await using var silo = await TestSilo.StartAsync();
        Assert.Null((await silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q")).DeclareAsync(TestGateway.Declaration(default))).Error);
        var losses = new SiloLosses("own", TimeProvider.System);
        var links = new LinkSet(silo.Grains, null, ConnectionId.New(losses.Own), "/", TimeProvider.System, NullLogger.Instance) { Losses = losses };
        SessionId id;
        lock (links.Gate)
        {
            var session = links.Open("q");
            id = session.Id;
            session.Publish(Batches.Of(0, 1), null);
            Assert.Equal([id], losses.Sessions.FindGone([id]));
            session.Attach(new Idle(), exclusive: false, prefetch: 1, shared: false, EncodedTable.Empty);
            Assert.Empty(losses.Sessions.FindGone([id]));
            links.Flush();
        }

        await links.CloseAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal([id], losses.Sessions.FindGone([id]));
    }

    /// <summary>That it had was not stored any more.</summary>
    [Fact]
    public async Task Activation_ThatFollows_DoesNotWaitForASessionThatHasEnded()
    {
        await using var silo = await TestSilo.StartAsync(store: new FakeStore(), more: silo => silo.Services
            .AddSingleton<ClusterRun>()
            .AddSingleton<Owners>()
            .AddSingleton(provider => new SiloLosses(
                LossWatch.NameOf(provider.GetRequiredService<ILocalSiloDetails>().SiloAddress), provider.GetRequiredService<TimeProvider>())));
        silo.Watched.Expect(TurnFailed);
        var own = silo.Services.GetRequiredService<SiloLosses>().Own;
        Assert.False(await silo.Services.GetRequiredService<Owners>().IsGoneAsync(own, CancellationToken.None));
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true))).Error);

        // A link without a session of this process: as if that had ended.
        await using var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(own), TestLink.Attachment(1));
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(Recovery.PatienceInCluster - 2_000));
        while (await link.Items.ReadAsync(soon.Token) is not AttachedItem)
        {
            // It is attached when its session is stored.
        }

        // The first packet of a link has to open it.
        await queue.SendAsync(new LinkUp { Link = LinkId.New(), Number = 1 });
        while ((await queue.DescribeAsync(default).AsTask().WaitAsync(soon.Token)).Error is not null)
        {
            // The activation that failed is asked until it is gone.
            await Task.Delay(5, soon.Token);
        }
    }

    private sealed class Idle() : LinkConsumer("idle", noAck: false)
    {
        public override void OnDelivery(DeliverySlice[] slices)
        {
        }

        protected override void OnAttached(BrokerError? error)
        {
        }

        protected override void OnDetached()
        {
        }

        protected override void OnEnded()
        {
        }
    }
}
