using CsCheck;
using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Walks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>One limit for all consumers of a channel: never exceeded, never left unused while a queue has messages.</summary>
public sealed class SharedLimitTests : IAsyncLifetime
{
    private readonly ConnectionUnderTest _client = new();
    private readonly Dictionary<string, ScriptedQueue> _queues = [];
    private readonly LinkSet _links;
    private readonly AmqpChannel _channel;
    private int _walks;

    public SharedLimitTests()
    {
        _channel = new AmqpChannel(_client.Connection, 1);
        _links = new LinkSet(
            new FakeGrains(name => _queues[name] = new ScriptedQueue()).Factory, local: null, ConnectionId.New(), "/", new FakeClock(), NullLogger.Instance);
    }

    [Fact]
    public void Ready_OneQueue_IsLentAll()
    {
        var limit = new SharedLimit(10);
        var consumer = Attached("a");

        limit.Ready(consumer);

        Assert.Equal(10, consumer.Lent);
    }

    [Fact]
    public void Ready_SecondQueue_GetsWhatTheFirstGivesBack()
    {
        var limit = new SharedLimit(10);
        var (first, second) = (Attached("a"), Attached("b"));
        limit.Ready(first);
        limit.Ready(second);
        Assert.Equal((10, 0), (first.Lent, second.Lent));

        limit.Delivered(first, 3);
        limit.Unused(first, 7);

        Assert.Equal((0, 7), (first.Lent, second.Lent));
    }

    [Fact]
    public void Ready_WithNothingLeft_IsToldToItsQueue()
    {
        var limit = new SharedLimit(2);
        var (first, second) = (Attached("a"), Attached("b"));
        limit.Ready(first);
        limit.Delivered(first, 2);
        limit.Ready(second);
        _links.Flush();

        Assert.Equal([2], Lent("a"));
        Assert.Equal([0], Lent("b"));
    }

    [Fact]
    public void Settled_TwoWaiting_ShareWhatBecomesFree()
    {
        var limit = new SharedLimit(4);
        var (first, second, third) = (Attached("a"), Attached("b"), Attached("c"));
        limit.Ready(first);
        limit.Delivered(first, 4);
        limit.Ready(second);
        limit.Ready(third);

        limit.Settled(1);
        Assert.Equal((1, 0), (second.Lent, third.Lent));

        limit.Settled(1);
        Assert.Equal((1, 1), (second.Lent, third.Lent));
    }

    [Fact]
    public void Gone_WithPlacesLent_FreesThem()
    {
        var limit = new SharedLimit(5);
        var (first, second) = (Attached("a"), Attached("b"));
        limit.Ready(first);
        limit.Ready(second);

        limit.Gone(first);

        Assert.Equal((0, 5), (first.Lent, second.Lent));
    }

    [Fact]
    public void Limit_Raised_IsLentAtOnce()
    {
        var limit = new SharedLimit(1);
        var consumer = Attached("a");
        limit.Ready(consumer);
        limit.Delivered(consumer, 1);
        limit.Ready(consumer);
        Assert.Equal(0, consumer.Lent);

        limit.Limit = 3;
        limit.Lend();

        Assert.Equal(2, consumer.Lent);
    }

    [Fact]
    public void Delivered_WithoutHavingBeenLent_StillTakesPlaces()
    {
        // On their way when the limit was set: the queue had sent them under the consumer's own prefetch.
        var limit = new SharedLimit(10);
        var (earlier, other) = (Attached("a"), Attached("b"));
        limit.Delivered(earlier, 8);
        limit.Unused(earlier, 1);

        limit.Ready(other);

        Assert.Equal((0, 2), (earlier.Lent, other.Lent));
    }

    [Fact]
    public void Traffic_OfAnyKind_IsNeverMoreThanTheLimitAndEverythingArrives() => Gen.Select(
        Gen.Int[1, 19], Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 9]).Array[1, 1_500]).Walk(walk => Check(walk.Item1, walk.Item2), count: 100);

    // In each step something happens to one of four queues: 0 is a publish, 1 to 3 are what comes of it.
    private void Check(int most, (int Queue, int Kind, int Count)[] steps)
    {
        var limit = new SharedLimit(most);
        var walk = $"walk{_walks++}";
        var queues = Enumerable.Range(0, 4).Select(i => new Model(Attached($"{walk}.{i}"))).ToArray();
        int unacked = 0, published = 0, delivered = 0;
        foreach (var (queue, kind, count) in steps)
        {
            Step(queues[queue], kind, count);
        }

        // Nothing more is published.
        for (var round = 0; queues.Any(queue => queue.Stock > 0) || unacked > 0; round++)
        {
            Assert.True(round < 10_000, "A queue waits for ever.");
            foreach (var (queue, kind) in queues.SelectMany(queue => new[] { (queue, 1), (queue, 2), (queue, 3) }))
            {
                Step(queue, kind, round % 10);
            }
        }

        Assert.Equal(published, delivered);

        void Step(Model queue, int kind, int count)
        {
            switch (kind)
            {
                case 0:
                    queue.Stock += count;
                    published += count;
                    break;
                case 1 when queue.Stock > 0 && !queue.SaidReady && queue.Consumer.Lent == 0:
                    queue.SaidReady = true;
                    limit.Ready(queue.Consumer);
                    break;
                case 2 when queue.Consumer.Lent > 0:
                    queue.SaidReady = false;
                    var (lent, sent) = (queue.Consumer.Lent, Math.Min(queue.Consumer.Lent, queue.Stock));
                    queue.Stock -= sent;
                    unacked += sent;
                    delivered += sent;
                    limit.Delivered(queue.Consumer, sent);
                    if (sent < lent)
                    {
                        limit.Unused(queue.Consumer, lent - sent);
                    }

                    break;
                case 3 when unacked > 0:
                    var settled = 1 + (count * (unacked - 1) / 9);
                    unacked -= settled;
                    limit.Settled(settled);
                    break;
            }

            Assert.True(unacked + queues.Sum(each => each.Consumer.Lent) <= limit.Limit, $"more than {limit.Limit}");
        }
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _client.DisposeAsync();

    /// <summary>What a queue has been told to be lent.</summary>
    private int[] Lent(string queue) => [.. _queues[queue].Sent.SelectMany(sent => sent.Up.Items).OfType<LendItem>().Select(lend => lend.Count)];

    private AmqpConsumer Attached(string queue)
    {
        var consumer = new AmqpConsumer(_channel, "c", queue, noAck: false, exclusive: false, prefetch: 0, noWait: true, EncodedTable.Empty);
        _ = consumer.AttachAsync(_links.Open(queue));
        consumer.Attached(null);
        return consumer;
    }

    private sealed class Model(AmqpConsumer consumer)
    {
        public AmqpConsumer Consumer => consumer;

        public int Stock { get; set; }

        public bool SaidReady { get; set; }
    }
}
