using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Bodies = System.Threading.Channels.Channel<(byte[] Body, ulong Tag)>;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Large bodies come out as they went in, whatever happens to them on the way and whatever memory they share with others.</summary>
public sealed class LargeBodyTests(SharedBroker broker) : IClassFixture<SharedBroker>
{
    private const int FrameMax = 131072;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly CreateChannelOptions Confirming = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    // Around what a chunk, a large record, a frame, its payload, and a message may hold.
    private static readonly int[] Sizes =
    [
        0, 4 * 1024, 12 * 1024 - 40, 12 * 1024, 16 * 1024, 32 * 1024, 64 * 1024 - 8, 64 * 1024, FrameMax - 9, FrameMax - 8, FrameMax - 7, FrameMax, FrameMax + 8,
        2 * (FrameMax - 8), 300_000, 1024 * 1024, 1024 * 1024 + 1, 4_000_000, 16 * 1024 * 1024,
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bodies_ToSeveralQueuesAndBackAgain_ArriveWhole(bool isPersistent)
    {
        await using var connection = await broker.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync(Confirming);
        await channel.ExchangeDeclareAsync("large", ExchangeType.Fanout, autoDelete: true);
        string[] queues = ["large.auto", "large.acked", "large.got"];
        foreach (var queue in queues)
        {
            await channel.QueueDeclareAsync(queue, durable: isPersistent, exclusive: false, autoDelete: false);
            await channel.QueueBindAsync(queue, "large", "");
        }

        var auto = await ConsumeAsync(channel, queues[0], autoAck: true);
        var acked = await ConsumeAsync(channel, queues[1], autoAck: false);
        for (var i = 0; i < Sizes.Length; i++)
        {
            await PublishAsync(channel, "large", "", Body(Sizes[i], i), isPersistent);
        }

        for (var i = 0; i < Sizes.Length; i++)
        {
            Check(Body(Sizes[i], i), (await TakeAsync(auto)).Body);
            var (body, tag) = await TakeAsync(acked);
            Check(Body(Sizes[i], i), body);
            await channel.BasicAckAsync(tag, multiple: false);
            await CheckGetAsync(channel, queues[2], i, BasicNack);
            await CheckGetAsync(channel, queues[2], i, async (some, got) => await some.BasicAckAsync(got.DeliveryTag, multiple: false));
        }

        foreach (var queue in queues)
        {
            Assert.Equal(0u, await channel.QueueDeleteAsync(queue));
        }

        static async Task BasicNack(IChannel some, BasicGetResult got) => await some.BasicNackAsync(got.DeliveryTag, multiple: false, requeue: true);
    }

    [Fact]
    public async Task Bodies_RejectedReturnedOrCommitted_ArriveWhole()
    {
        await using var connection = await broker.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var dead = await channel.OwnQueueAsync();
        var queue = await channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = dead });
        var returned = System.Threading.Channels.Channel.CreateUnbounded<byte[]>();
        channel.BasicReturnAsync += async (_, e) => await returned.Writer.WriteAsync(e.Body.ToArray());
        await channel.TxSelectAsync();
        for (var i = 0; i < Sizes.Length; i++)
        {
            await PublishAsync(channel, "", queue, Body(Sizes[i], i), isPersistent: false);
            await PublishAsync(channel, "", "nowhere.at.all", Body(Sizes[i], i + 1), isPersistent: false, mandatory: true);
            await channel.TxCommitAsync();
            using var limit = new CancellationTokenSource(Limit);
            Check(Body(Sizes[i], i + 1), await returned.Reader.ReadAsync(limit.Token));
            var got = Assert.IsType<BasicGetResult>(await channel.BasicGetAsync(queue, autoAck: false));
            Check(Body(Sizes[i], i), got.Body.Span);
            await channel.BasicRejectAsync(got.DeliveryTag, requeue: false);
            await channel.TxCommitAsync();
        }

        for (var i = 0; i < Sizes.Length; i++)
        {
            BasicGetResult? letter;
            for (var since = DateTime.UtcNow; (letter = await channel.BasicGetAsync(dead, autoAck: true)) is null; await Task.Delay(10))
            {
                Assert.True(DateTime.UtcNow - since < Limit);
            }

            Check(Body(Sizes[i], i), letter.Body.Span);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bodies_OfMoreThanStaysInMemory_ArriveWhole(bool isPersistent)
    {
        const int Count = 80;
        const int Size = 1_000_000;
        await using var connection = await broker.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync(Confirming);
        await channel.QueueDeclareAsync("large.paged", durable: isPersistent, exclusive: false, autoDelete: false);
        for (var i = 0; i < Count; i++)
        {
            await PublishAsync(channel, "", "large.paged", Body(Size, i), isPersistent);
        }

        var inbox = await ConsumeAsync(channel, "large.paged", autoAck: false);
        for (var i = 0; i < Count; i++)
        {
            var (body, tag) = await TakeAsync(inbox);
            Check(Body(Size, i), body);
            await channel.BasicAckAsync(tag, multiple: false);
        }

        await channel.QueueDeleteAsync("large.paged");
    }

    [Fact]
    public async Task Bodies_ThatAreHeldWhileOthersComeAndGo_StayAsTheyAre()
    {
        await using var connection = await broker.ConnectAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => RunAsync(connection, worker)));

        static async Task RunAsync(IConnection connection, int worker)
        {
            await using var channel = await connection.CreateChannelAsync();
            var queue = await channel.OwnQueueAsync();
            var random = new Random(worker);
            var sizes = Enumerable.Range(0, 120).Select(_ => random.Next(1, random.Next(3) == 0 ? 2_000_000 : 60_000)).ToArray();
            for (var i = 0; i < sizes.Length; i++)
            {
                await PublishAsync(channel, "", queue, Body(sizes[i], (worker * 1000) + i), isPersistent: false);
            }

            // Got, not acknowledged, and given back in another order than they came in.
            var tags = new List<ulong>();
            for (var i = 0; i < sizes.Length; i++)
            {
                var got = Assert.IsType<BasicGetResult>(await channel.BasicGetAsync(queue, autoAck: false));
                Check(Body(sizes[i], (worker * 1000) + i), got.Body.Span);
                tags.Add(got.DeliveryTag);
            }

            foreach (var tag in tags.OrderBy(_ => random.Next()))
            {
                await channel.BasicNackAsync(tag, multiple: false, requeue: true);
            }

            var inbox = await ConsumeAsync(channel, queue, autoAck: true);
            for (var i = 0; i < sizes.Length; i++)
            {
                Check(Body(sizes[i], (worker * 1000) + i), (await TakeAsync(inbox)).Body);
            }
        }
    }

    private static async Task CheckGetAsync(IChannel channel, string queue, int index, Func<IChannel, BasicGetResult, Task> settle)
    {
        var got = Assert.IsType<BasicGetResult>(await channel.BasicGetAsync(queue, autoAck: false));
        Check(Body(Sizes[index], index), got.Body.Span);
        await settle(channel, got);
    }

    private static ValueTask PublishAsync(IChannel channel, string exchange, string key, byte[] body, bool isPersistent, bool mandatory = false) =>
        channel.BasicPublishAsync(exchange, key, mandatory, new BasicProperties { Persistent = isPersistent }, body);

    private static async Task<Bodies> ConsumeAsync(IChannel channel, string queue, bool autoAck)
    {
        var bodies = System.Threading.Channels.Channel.CreateUnbounded<(byte[] Body, ulong Tag)>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) => await bodies.Writer.WriteAsync((e.Body.ToArray(), e.DeliveryTag));
        await channel.BasicConsumeAsync(queue, autoAck, consumer);
        return bodies;
    }

    private static async Task<(byte[] Body, ulong Tag)> TakeAsync(Bodies bodies)
    {
        using var limit = new CancellationTokenSource(Limit);
        return await bodies.Reader.ReadAsync(limit.Token);
    }

    private static byte[] Body(int size, int seed)
    {
        var body = new byte[size];
        new Random(seed).NextBytes(body);
        return body;
    }

    private static void Check(byte[] expected, ReadOnlySpan<byte> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(actual.SequenceEqual(expected), $"A body of {expected.Length} octets differs from the {actual.CommonPrefixLength(expected)}th on.");
    }
}
