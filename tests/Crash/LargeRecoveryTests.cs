using Granary.Crash.Brokers;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash;

/// <summary>Large bodies are stored from memory that is used again afterwards: what is stored is what was published.</summary>
public sealed class LargeRecoveryTests
{
    // Around a large record, a frame, its payload, and a megabyte.
    private static readonly int[] Sizes = [12 * 1024, 16 * 1024, 64 * 1024, 131064, 131072, 1024 * 1024, 3_000_000];

    [Theory]
    [InlineData(nameof(StoreKind.Files))]
    [InlineData(nameof(StoreKind.Postgres))]
    public async Task LargeBodies_InTwoQueuesOfANodeThatIsStartedAgain_AreWhole(string store)
    {
        const int Rounds = 8;
        await using var home = await Home.CreateAsync(Enum.Parse<StoreKind>(store));
        await using (var node = await home.StartReadyAsync())
        {
            await using var connection = await Client.ConnectAsync(node.AmqpPort);
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.ExchangeDeclareAsync("large", ExchangeType.Fanout, durable: true);
            foreach (var queue in new[] { "large.1", "large.2" })
            {
                await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
                await channel.QueueBindAsync(queue, "large", "");
            }

            for (var i = 0; i < Rounds * Sizes.Length; i++)
            {
                await channel.BasicPublishAsync("large", "", mandatory: true, new BasicProperties { Persistent = true }, Body(i));
            }

            Assert.Equal(0, await node.TerminateAsync());
        }

        await using var again = await home.StartReadyAsync();
        await using var after = await Client.ConnectAsync(again.AmqpPort);
        await using var left = await after.CreateChannelAsync();
        foreach (var queue in new[] { "large.1", "large.2" })
        {
            for (var i = 0; i < Rounds * Sizes.Length; i++)
            {
                var got = Assert.IsType<BasicGetResult>(await left.BasicGetAsync(queue, autoAck: true));
                Assert.True(got.Body.Span.SequenceEqual(Body(i)), $"Message {i} of {queue} is another one.");
            }

            Assert.Null(await left.BasicGetAsync(queue, autoAck: true));
        }
    }

    private static byte[] Body(int number)
    {
        var body = new byte[Sizes[number % Sizes.Length]];
        new Random(number).NextBytes(body);
        return body;
    }
}
