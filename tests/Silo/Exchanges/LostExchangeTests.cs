using System.Diagnostics;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Exchanges;

/// <summary>An exchange that was lost with its silo: who held its routes is not known to the activation that follows.</summary>
public sealed class LostExchangeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Bind_AtAnActivationThatFollowsALoss_IsAnsweredWhenNobodyCanRouteByTheOldRoutes()
    {
        var left = TimeSpan.FromSeconds(0.5);
        var losses = new SiloLosses("own", new ShiftedClock(left - SnapshotLease.Length));
        await using var silo = await StartAsync(losses);
        var noted = Stopwatch.GetTimestamp();
        losses.Note();

        Assert.Null(await BindAsync(silo));

        // Timers go by a clock of several milliseconds.
        Assert.InRange(Stopwatch.GetElapsedTime(noted), left - TimeSpan.FromMilliseconds(20), Limit);
    }

    [Fact]
    public async Task Bind_AtAnActivationThatWasThereLongBeforeALoss_IsAnsweredAtOnce()
    {
        // The loss is noted as if it came so much later: a bind that waited for it would do so for longer than the limit.
        var losses = new SiloLosses("own", new ShiftedClock(TimeSpan.FromSeconds(60)));
        await using var silo = await StartAsync(losses);
        Assert.Null(await silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "amq.direct")).CheckAsync());
        losses.Note();

        Assert.Null(await BindAsync(silo));
    }

    private static Task<TestSilo> StartAsync(SiloLosses losses) => TestSilo.StartAsync(more: silo => silo.Services.AddSingleton(losses));

    private static Task<Core.BrokerError?> BindAsync(TestSilo silo) => silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "amq.direct"))
        .BindAsync(new Binding(new Destination(DestinationKind.Queue, "q", Guid.NewGuid()), "key", default), toDurable: false).AsTask().WaitAsync(Limit);

    /// <summary>The system's, as it was or will be at another time.</summary>
    private sealed class ShiftedClock(TimeSpan by) : TimeProvider
    {
        public override long GetTimestamp() => System.GetTimestamp() + (by.Ticks * TimestampFrequency / TimeSpan.TicksPerSecond);
    }
}
