using System.Diagnostics;
using System.Globalization;
using System.Text;
using Granary.Crash.Brokers;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash;

/// <summary>Messages that came back to a quorum queue and wait go on waiting, until the time they were told, when their node was killed.</summary>
public sealed class DelayedRetryTests
{
    private const int Messages = 200;
    private const int Delay = 3_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Messages_ThatWaitWhenTheNodeIsKilled_AreDeliveredAtTheirTime(bool isPostgres)
    {
        await using var home = await Home.CreateAsync(isPostgres ? StoreKind.Postgres : StoreKind.Files);
        long returned;
        await using (var node = await home.StartReadyAsync())
        {
            var connection = await Client.ConnectAsync(node.AmqpPort);
            var channel = await DeclareAsync(connection);
            await Task.WhenAll(Enumerable.Range(0, Messages).Select(id => channel.BasicPublishAsync(
                "", "retried", mandatory: false, new BasicProperties { DeliveryMode = DeliveryModes.Persistent }, Encoding.UTF8.GetBytes($"{id}")).AsTask()));
            ulong last = 0;
            for (var i = 0; i < Messages; i++)
            {
                last = (await channel.BasicGetAsync("retried", autoAck: false))!.DeliveryTag;
            }

            returned = Stopwatch.GetTimestamp();
            await channel.BasicNackAsync(last, multiple: true, requeue: true);

            // The second is written after the returns.
            for (var i = 0; i < 2; i++)
            {
                await channel.BasicPublishAsync("", "retried", mandatory: false, new BasicProperties { DeliveryMode = DeliveryModes.Persistent }, "last"u8.ToArray());
            }

            await node.KillAsync();
        }

        await using var again = await home.StartReadyAsync();
        await using var after = await Client.ConnectAsync(again.AmqpPort);
        await using var left = await DeclareAsync(after);
        List<int> got = [];
        var patience = Stopwatch.StartNew();
        while (got.Count < Messages && patience.Elapsed < TimeSpan.FromSeconds(60))
        {
            if (await left.BasicGetAsync("retried", autoAck: true) is not { } message)
            {
                await Task.Delay(20);
                continue;
            }

            if (Encoding.UTF8.GetString(message.Body.Span) == "last")
            {
                continue;
            }

            Assert.True(Stopwatch.GetElapsedTime(returned).TotalMilliseconds >= Delay - 5, "A message came before its time.");
            Assert.Equal((true, 1L), (message.Redelivered, message.BasicProperties.Headers!["x-delivery-count"]));
            got.Add(int.Parse(Encoding.UTF8.GetString(message.Body.Span), CultureInfo.InvariantCulture));
        }

        Assert.Equal(Enumerable.Range(0, Messages), got);
    }

    private static async Task<IChannel> DeclareAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
        await channel.QueueDeclareAsync("retried", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
        {
            ["x-queue-type"] = "quorum",
            ["x-delayed-retry-type"] = "all",
            ["x-delayed-retry-min"] = Delay,
        });
        return channel;
    }
}
