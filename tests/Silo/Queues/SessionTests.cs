using System.Collections.Concurrent;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Queues.Activation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Sessions with a queue in a silo whose activation fails again and again, while messages are published, confirmed, delivered and acknowledged.</summary>
public sealed class SessionTests
{
    private const int Messages = 2_000;

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    public async Task Activations_ThatFail_NoMessageIsLostOrDoubledAndEachIsConfirmedOnce(bool isLocal, int seed)
    {
        var random = new Random(seed);
        await using var silo = await TestSilo.StartAsync();
        silo.Watched.Expect(3007);
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true))).Error);
        await using var publisher = new Client(silo, isLocal);
        await using var first = new Client(silo, isLocal);
        await using var second = new Client(silo, isLocal);
        first.Consume(prefetch: 50);
        second.Consume(prefetch: 7);
        var failures = 0;
        for (var next = 0; next < Messages;)
        {
            var count = Math.Min(random.Next(1, 20), Messages - next);
            publisher.Publish(next, count);
            next += count;
            if (random.Next(40) == 0)
            {
                // The first packet of a link has to open it.
                failures++;
                await queue.SendAsync(new LinkUp { Link = LinkId.New(), Number = 1 });
            }

            if (random.Next(3) == 0)
            {
                await Task.Delay(random.Next(3));
            }
        }

        await UntilAsync(() => publisher.Confirmed.Count >= Messages, () => $"{publisher.Confirmed.Count} of {Messages} confirmed");
        await UntilAsync(() => first.Acked.Count + second.Acked.Count >= Messages, () => $"{first.Acked.Count} and {second.Acked.Count} of {Messages} acknowledged");
        Assert.NotEqual(0, failures);
        Assert.Equal(Enumerable.Range(0, Messages).Select(id => (long)id), publisher.Confirmed.Order());
        Assert.Equal(Enumerable.Range(0, Messages).Select(id => (long)id), first.Acked.Concat(second.Acked).Order());
        Assert.Equal(0, (await queue.DescribeAsync(default)).Messages);
        Assert.Equal((false, false), (first.IsCancelled, second.IsCancelled));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SingleActiveConsumer_WhoseActivationsFail_StaysTheActiveOneUntilItLeaves(bool isLocal)
    {
        const int Rounds = 20;
        await using var silo = await TestSilo.StartAsync();
        silo.Watched.Expect(3007);
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
        var arguments = EncodedTable.From(FieldTable.Of(("x-single-active-consumer", true)));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true, arguments: arguments))).Error);
        await using var publisher = new Client(silo, isLocal);
        await using var other = new Client(silo, isLocal);
        await using (var active = new Client(silo, isLocal))
        {
            active.Consume(prefetch: 3);
            await UntilAsync(() => active.IsAttached, () => "the first consumer is not attached");
            other.Consume(prefetch: 50);
            await UntilAsync(() => other.IsAttached, () => "the second consumer is not attached");
            for (var round = 0; round < Rounds; round++)
            {
                publisher.Publish(round, 1);
                if (round % 5 == 2)
                {
                    // The first packet of a link has to open it.
                    await queue.SendAsync(new LinkUp { Link = LinkId.New(), Number = 1 });
                }

                await UntilAsync(() => active.Acked.Count > round, () => $"{active.Acked.Count} of {Rounds} acknowledged");
            }

            Assert.Empty(other.Acked);
        }

        publisher.Publish(Rounds, 1);
        await UntilAsync(() => other.Acked.Count == 1, () => "nothing came to the second consumer");
        Assert.Equal([Rounds], other.Acked);
    }

    private static async Task UntilAsync(Func<bool> condition, Func<string> otherwise)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(since.Elapsed < TimeSpan.FromSeconds(60), otherwise());
            await Task.Delay(10);
        }
    }

    /// <summary>A connection: it acknowledges what it is delivered, though not at once.</summary>
    private sealed class Client : IAsyncDisposable
    {
        private readonly LinkSet _links;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _ticks;
        private Consumer? _consumer;

        public Client(TestSilo silo, bool isLocal)
        {
            _links = new LinkSet(
                silo.Grains, isLocal ? silo.Services.GetRequiredService<LocalQueues>() : null, ConnectionId.New(), "/", TimeProvider.System, NullLogger.Instance);
            _ticks = TickAsync();
        }

        public ConcurrentQueue<long> Confirmed { get; } = [];

        public ConcurrentQueue<long> Acked { get; } = [];

        public bool IsCancelled => _consumer is { IsCancelled: true };

        public bool IsAttached => _consumer is { IsAttached: true };

        public void Publish(long first, int count)
        {
            lock (_links.Gate)
            {
                _links.Open("q").Publish(Batches.Of(first, count, persistent: true), new Outcome(this, first, count));
                _links.Flush();
            }
        }

        public void Consume(int prefetch)
        {
            lock (_links.Gate)
            {
                _consumer = new Consumer();
                _links.Open("q").Attach(_consumer, exclusive: false, prefetch, shared: false, EncodedTable.Empty);
                _links.Flush();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _links.CloseAsync().WaitAsync(TimeSpan.FromSeconds(20));
            await _stop.CancelAsync();
            await _ticks;
            _stop.Dispose();
        }

        private async Task TickAsync()
        {
            for (var round = 0; !_stop.IsCancellationRequested; round++)
            {
                await Task.Delay(3);
                if (round % 50 == 0)
                {
                    _links.Tick();
                }

                lock (_links.Gate)
                {
                    while (_consumer is not null && _consumer.Given.TryDequeue(out var slice))
                    {
                        foreach (var id in Batches.Ids(slice))
                        {
                            Acked.Enqueue(id);
                        }

                        _consumer.Session.Settle(Settlement.Ack, [new OffsetRange(slice.FirstOffset, slice.Batch.Count)]);
                        _consumer.Written(slice.Batch.Count, slice.Batch.Records.Length);
                    }

                    _links.Flush();
                }
            }
        }
    }

    private sealed class Outcome(Client client, long first, int count) : IPublishOutcome
    {
        public void Refuse(int[] indexes) => throw new NotSupportedException();

        public void Unrouted() => throw new NotSupportedException();

        public void Lost() => throw new NotSupportedException();

        public void Passed()
        {
            for (var id = first; id < first + count; id++)
            {
                client.Confirmed.Enqueue(id);
            }
        }
    }

    private sealed class Consumer() : LinkConsumer("c", noAck: false)
    {
        public Queue<DeliverySlice> Given { get; } = new();

        public bool IsCancelled { get; private set; }

        public override void OnDelivery(DeliverySlice[] slices)
        {
            foreach (var slice in slices)
            {
                Given.Enqueue(slice);
            }
        }

        protected override void OnAttached(BrokerError? error) => IsCancelled |= error is not null;

        protected override void OnDetached()
        {
        }

        protected override void OnEnded() => IsCancelled = true;
    }
}
