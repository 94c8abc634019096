using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Cluster.Tests;

/// <summary>A silo leaves in good order: what only it had in memory goes to the next one.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class HandOverTests
{
    private const int Queues = 18, Messages = 4;

    /// <summary>A third of the queues is durable, a third transient, a third exclusive. Of each a consumer holds the first message; the others are ready.</summary>
    [Fact]
    public async Task Silo_Leaves_TransientMessagesAreThereInOrderAndWhatIsHeldStaysHeld()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 3, gateways: 2);
        await using var owner = await cluster.ConnectAsync(1);
        await using var publisher = await owner.ConfirmedChannelAsync();
        await using var holder = await owner.CreateChannelAsync();
        await holder.BasicQosAsync(0, 1, global: false);
        var held = new ConcurrentDictionary<string, ConcurrentQueue<Held>>();
        for (var i = 0; i < Queues; i++)
        {
            await publisher.QueueDeclareAsync(Name(i), durable: i % 3 == 0, exclusive: i % 3 == 2, autoDelete: false);
            for (var k = 0; k < Messages; k++)
            {
                await publisher.BasicPublishAsync("", Name(i), mandatory: true, new BasicProperties { Persistent = false }, Encoding.ASCII.GetBytes($"{k}"));
            }

            var consumer = new AsyncEventingBasicConsumer(holder);
            var mine = held[Name(i)] = new();
            consumer.ReceivedAsync += (_, delivery) =>
            {
                mine.Enqueue(new Held(TextOf(delivery.Body), delivery.DeliveryTag, delivery.Redelivered, delivery.BasicProperties.Persistent));
                return Task.CompletedTask;
            };
            await holder.BasicConsumeAsync(Name(i), autoAck: false, consumer);
        }

        await Clients.UntilAsync(() => held.Values.All(mine => mine.Count == 1));

        await cluster.SignalAsync("silo-2", "TERM");
        await cluster.WhenDeclaredDeadAsync("silo-2");

        for (var i = 0; i < Queues; i++)
        {
            Assert.Equal((uint)(Messages - 1), (await publisher.QueueDeclarePassiveAsync(Name(i))).MessageCount);
            var first = Assert.Single(held[Name(i)]);
            await holder.BasicAckAsync(first.Tag, multiple: false);
        }

        // The consumer has the next one now, for the first time; the rest is still there.
        await Clients.UntilAsync(() => held.Values.All(mine => mine.Count == 2));
        for (var i = 0; i < Queues; i++)
        {
            var (first, second) = (held[Name(i)].First(), held[Name(i)].Last());
            Assert.Equal(("0", "1"), (first.Text, second.Text));
            Assert.Equal((false, false), (second.Redelivered, second.Persistent));
            for (var k = 2; k < Messages; k++)
            {
                var got = await publisher.BasicGetAsync(Name(i), autoAck: true);
                Assert.Equal((Name(i), $"{k}"), (Name(i), got is null ? "nothing" : TextOf(got.Body)));
                Assert.False(got!.Redelivered);
            }

            Assert.Null(await publisher.BasicGetAsync(Name(i), autoAck: true));
        }
    }

    private sealed record Held(string Text, ulong Tag, bool Redelivered, bool Persistent);

    private static string TextOf(ReadOnlyMemory<byte> body) => Encoding.ASCII.GetString(body.Span);

    private static string Name(int queue) => string.Create(CultureInfo.InvariantCulture, $"handed.{queue}");
}
