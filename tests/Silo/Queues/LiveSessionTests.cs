using System.Reflection;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Ownership;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Members;
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

    /// <summary>It is dead by the list of members, and may still deliver what its clients hold.</summary>
    [Fact]
    public async Task Activation_ThatFollows_WaitsForSessionsOfAMemberOfWhoseEndItWasNotToldYet()
    {
        const string Dead = "127.0.0.1:11111@1";
        var members = new FakeMembers("own");
        members.Add(Dead, DispatchProxy.Create<IMemberService, Silent>());
        await using var silo = await TestSilo.StartAsync(store: new FakeStore(), more: silo => silo.Services
            .AddSingleton<ClusterRun>()
            .AddSingleton<Owners>()
            .AddSingleton<IMembers>(members)
            .AddSingleton(provider => new SiloLosses("own", provider.GetRequiredService<TimeProvider>())));
        silo.Watched.Expect(TurnFailed);
        Assert.True(await silo.Services.GetRequiredService<Owners>().IsGoneAsync(Dead, CancellationToken.None));
        var key = GrainKeys.For("/", "q");
        var queue = silo.Grains.GetGrain<IQueueGrain>(key);
        var declared = await queue.DeclareAsync(TestGateway.Declaration(default, durable: true));
        await silo.Services.GetRequiredService<GroupCommit>().WriteAsync(SessionRows.Added(key, declared.Incarnation, SessionId.New(), Dead));

        await queue.SendAsync(new LinkUp { Link = LinkId.New(), Number = 1 });
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(Recovery.PatienceInCluster - 2_000));
        GrainLink? link = null;
        while (link is null)
        {
            // Until the activation that failed is gone.
            link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
            if (await link.Items.WaitToReadAsync(soon.Token) && link.Items.TryPeek(out var first) && first is not OpenedItem)
            {
                await link.DisposeAsync();
                link = null;
            }
        }

        await using (link)
        {
            var described = queue.DescribeAsync(default).AsTask();
            await link.SendAsync(new PublishItem(Batches.Of(0, 1, persistent: true), Resent: false));
            Assert.False(described.IsCompleted);

            silo.Services.GetRequiredService<LocalQueues>().PostGone(Dead);
            Assert.Null((await described.WaitAsync(soon.Token)).Error);
        }
    }

    /// <summary>A member that answers nothing.</summary>
    public class Silent : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => throw new NotSupportedException("nothing is asked here");
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
