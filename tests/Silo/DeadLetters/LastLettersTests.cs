using System.Diagnostics;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Hosting;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Tests.Queues;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>Dead letters that are on their way when the activation of their queue ends in good order.</summary>
public sealed class LastLettersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly FakeStore _store = new();

    /// <summary>The target has them, but has not stored them yet. The next activation would find them in the store, and have no idea of that.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Activation_ThatEnds_WaitsForItsLettersToArrive(bool isLocal)
    {
        const int Count = 3;
        await using var silo = await StartAsync(isLocal);
        var (source, dead) = await DeclareAsync(silo);
        await using var link = await HoldAsync(silo, source, Count);
        _store.Hold();
        await RejectAsync(link, Count);
        await UntilAsync(async () => (await dead.DescribeAsync(default)).Messages == Count);

        await EndAsync(silo, source);
        _store.Release();

        Assert.Equal((0, Count), ((await source.DescribeAsync(default)).Messages, (await dead.DescribeAsync(default)).Messages));
    }

    /// <summary>Nobody waits long for a target that does not answer, and what it does not take is the next activation's.</summary>
    [Fact]
    public async Task Activation_ThatEnds_DoesNotWaitLongForATargetThatIsSilent()
    {
        const int Count = 3;
        var silence = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var silo = await StartAsync(isLocal: false, silo => silo.AddIncomingGrainCallFilter(async call =>
        {
            if (call.MethodName == nameof(IQueueGrain.SendAsync) && call.TargetId.Key.ToString() == GrainKeys.For("/", "dead"))
            {
                await silence.Task;
            }

            await call.Invoke();
        }));
        var (source, dead) = await DeclareAsync(silo);
        await using var link = await HoldAsync(silo, source, Count);
        await RejectAsync(link, Count);

        var began = Stopwatch.GetTimestamp();
        await EndAsync(silo, source);
        Assert.Equal((Count, 0), ((await source.DescribeAsync(default)).Messages, (await dead.DescribeAsync(default)).Messages));
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(20));
        silence.SetResult();
    }

    /// <summary>Queues and the targets of their letters end together then: the letters go before.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Silo_ThatStops_HasNoLetterTwiceAfterwards(bool isLocal)
    {
        const int Count = 2_000;
        await using (var silo = await StartAsync(isLocal))
        {
            var (source, _) = await DeclareAsync(silo);
            await using var link = await HoldAsync(silo, source, Count);
            await RejectAsync(link, Count);
        }

        await using var next = await StartAsync(isLocal);
        var (left, arrived) = (await QueueOf(next, "source").DescribeAsync(default), await QueueOf(next, "dead").DescribeAsync(default));
        Assert.Equal(Count, left.Messages + arrived.Messages);
    }

    private Task<TestSilo> StartAsync(bool isLocal, Action<ISiloBuilder>? more = null) => TestSilo.StartAsync(store: _store, more: silo =>
    {
        more?.Invoke(silo);
        _ = isLocal ? silo.AddLocalLinks() : silo;
    });

    private static IQueueGrain QueueOf(TestSilo silo, string name) => silo.Grains.Queue("/", name);

    private static async Task<(IQueueGrain Source, IQueueGrain Dead)> DeclareAsync(TestSilo silo)
    {
        var arguments = EncodedTable.From(FieldTable.Of(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "dead")));
        var (source, dead) = (QueueOf(silo, "source"), QueueOf(silo, "dead"));
        Assert.Null((await source.DeclareAsync(TestGateway.Declaration(default, durable: true, arguments: arguments))).Error);
        Assert.Null((await dead.DeclareAsync(TestGateway.Declaration(default, durable: true))).Error);
        return (source, dead);
    }

    /// <summary>Publishes messages, and is delivered them.</summary>
    private static async Task<GrainLink> HoldAsync(TestSilo silo, IQueueGrain queue, int count)
    {
        var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), TestLink.Attachment(1), new PublishItem(Batches.Of(0, count, persistent: true), Resent: false));
        for (var given = 0; given < count;)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                given += delivery.Slices.Sum(static slice => slice.Batch.Count);
            }
        }

        return link;
    }

    /// <summary>And has nothing of the queue any more: the next activation waits for nobody.</summary>
    private static Task RejectAsync(GrainLink link, int count) =>
        link.SendAsync(new SettleItem(Settlement.Reject, [new OffsetRange(0, count)]), new CloseItem());

    /// <summary>The runtime ends the activation. Completes when it takes nothing any more.</summary>
    private static async Task EndAsync(TestSilo silo, IQueueGrain queue)
    {
        await queue.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        var local = silo.Services.GetRequiredService<LocalQueues>();
        await UntilAsync(() => Task.FromResult(local.FindActivation(GrainKeys.For("/", "source")) is null));
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(5, patience.Token);
        }
    }
}
