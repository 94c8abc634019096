using System.Text.Json;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Ownership;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Queues;

/// <summary>Activations of a queue that is not durable, in a cluster: what each leaves to the next.</summary>
public sealed class OwnedActivationTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly string Key = GrainKeys.For("/", "q");

    /// <summary>Should its silo be lost together with that consumer, the queue is to go.</summary>
    [Fact]
    public async Task AutoDeleteQueue_WithAConsumer_IsStoredAsOneThatHadOne()
    {
        var store = new FakeStore();
        await using var silo = await StartAsync(store);
        var queue = silo.Grains.GetGrain<IQueueGrain>(Key);
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, autoDelete: true))).Error);
        Assert.False((await ReadAsync(store))!.HasBeenConsumed);

        await using var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), TestLink.Attachment(1));

        using var patience = new CancellationTokenSource(Limit);
        while (await ReadAsync(store) is not { HasBeenConsumed: true })
        {
            await Task.Delay(5, patience.Token);
        }
    }

    /// <summary>Should the silo be lost before they are removed from the store, the next activation would give them once more, as if nobody had seen them.</summary>
    [Fact]
    public async Task MessagesThatWereHandedOver_AreGivenToNobodyBeforeTheyAreRemovedFromTheStore()
    {
        var store = new FakeStore();
        await using var silo = await StartAsync(store);
        var queue = silo.Grains.GetGrain<IQueueGrain>(Key);
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default))).Error);
        await using (await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), new PublishItem(Batches.Of(0, 3), Resent: false)))
        {
            // Closed before the activation ends: what it asks would make the next one, which could still reach the store.
        }

        // As when its silo stops.
        await silo.Services.GetRequiredService<LocalQueues>().FindActivation(Key)!.EndAsync(isStopping: false, CancellationToken.None).WaitAsync(Limit);
        store.Hold();
        try
        {
            await using var consumer = await OpenAtNextAsync(silo, queue);
            while (consumer.Items.TryRead(out var item))
            {
                Assert.IsNotType<DeliveryItem>(item);
            }

            store.Release();
            Assert.Equal([(0, false), (1, false), (2, false)], TestLink.Given([await FirstDeliveryAsync(consumer)], 1));
        }
        finally
        {
            store.Release();
        }
    }

    /// <summary>The next activation waits for them, and for nobody else.</summary>
    [Fact]
    public async Task AutoDeleteQueue_ThatIsHandedOver_IsStoredWithTheConsumersThatItHas()
    {
        var store = new FakeStore();
        await using var silo = await StartAsync(store);
        var queue = silo.Grains.GetGrain<IQueueGrain>(Key);
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, autoDelete: true))).Error);
        await using (var consumer = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), TestLink.Attachment(1)))
        {
            using var patience = new CancellationTokenSource(Limit);
            while (await ReadAsync(store) is not { HasBeenConsumed: true })
            {
                await Task.Delay(5, patience.Token);
            }

            await silo.Services.GetRequiredService<LocalQueues>().FindActivation(Key)!.EndAsync(isStopping: false, CancellationToken.None).WaitAsync(Limit);
        }

        var state = (await ReadAsync(store))!;
        Assert.True(state.AreConsumersKnown);
        Assert.Single(state.HandedOverFrom);
    }

    /// <summary>Opens a link with a consumer to the activation that follows one that has ended.</summary>
    private static async Task<GrainLink> OpenAtNextAsync(TestSilo silo, IQueueGrain queue)
    {
        using var patience = new CancellationTokenSource(Limit);
        while (true)
        {
            var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), TestLink.Attachment(1));
            if (await link.Items.WaitToReadAsync(patience.Token) && link.Items.TryPeek(out var first) && first is OpenedItem)
            {
                return link;
            }

            await link.DisposeAsync();
        }
    }

    private static async Task<DeliveryItem> FirstDeliveryAsync(GrainLink link)
    {
        using var patience = new CancellationTokenSource(Limit);
        while (true)
        {
            if (await link.Items.ReadAsync(patience.Token) is DeliveryItem delivery)
            {
                return delivery;
            }
        }
    }

    private static async Task<QueueState?> ReadAsync(FakeStore store) =>
        await store.ReadRowAsync(new RowKey("queue", Key), default) is { } row ? JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.QueueState) : null;

    private static Task<TestSilo> StartAsync(FakeStore store) => TestSilo.StartAsync(store: store, more: silo => silo.Services
        .AddSingleton<ClusterRun>()
        .AddSingleton<Owners>()
        .AddSingleton(provider => new SiloLosses("own", provider.GetRequiredService<TimeProvider>())));
}
