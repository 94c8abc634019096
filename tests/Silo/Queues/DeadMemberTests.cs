using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Ownership;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Queues;

/// <summary>A gateway that was declared dead and does not know it yet, or whose packets are late.</summary>
public sealed class DeadMemberTests
{
    // Of an earlier life of this very silo, so that it is known to be over.
    private const string Dead = "127.0.0.1:11111@1";

    [Fact]
    public async Task Link_OfAMemberThatIsDead_IsNotLetIn()
    {
        await using var silo = await TestSilo.StartAsync(more: silo => silo.Services
            .AddSingleton<ClusterRun>()
            .AddSingleton<Owners>()
            .AddSingleton(provider => new SiloLosses("own", provider.GetRequiredService<TimeProvider>())));
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default))).Error);
        var observer = new Deaf();
        var reference = silo.Grains.CreateObjectReference<ILinkObserver>(observer);

        Assert.Equal(default, await queue.SendAsync(Opening(ConnectionId.New(Dead), reference)));
        Assert.Equal(0, (await queue.DescribeAsync(default)).Consumers);

        Assert.Equal(1, (await queue.SendAsync(Opening(ConnectionId.New(), reference))).ReceivedThrough);
        Assert.Equal(1, (await queue.DescribeAsync(default)).Consumers);
        GC.KeepAlive(observer);
    }

    private static LinkUp Opening(ConnectionId connection, ILinkObserver observer) => new()
    {
        Link = LinkId.New(),
        Number = 1,
        Open = new LinkOpen(connection, observer, SessionId.New(), default, 1),
        Items = [new AttachItem(1, "t", false, false, 0, false, default, new Window(10, 10))],
    };

    private sealed class Deaf : ILinkObserver
    {
        public Task ReceiveAsync(LinkDown down) => Task.CompletedTask;
    }
}
