using System.Globalization;
using Granary.Crash.Brokers;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash;

/// <summary>A publisher who does not know what arrived before a node was killed sends everything again to a queue that takes no message twice.</summary>
public sealed class DuplicateTests
{
    private const int Messages = 400;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Publisher_ThatSendsAllAgainAfterAKill_HasEachMessageInTheQueueOnce(bool isPostgres)
    {
        await using var home = await Home.CreateAsync(isPostgres ? StoreKind.Postgres : StoreKind.Files);
        var confirmed = 0;
        await using (var node = await home.StartReadyAsync())
        {
            var connection = await Client.ConnectAsync(node.AmqpPort);
            var channel = await DeclareAsync(connection);
            Task[] published = [.. Enumerable.Range(0, Messages).Select(id => PublishAsync(channel, id))];
            await Task.WhenAll(published.Take(Messages / 4));
            await node.KillAsync();
            foreach (var each in published)
            {
                confirmed += await IsConfirmedAsync(each) ? 1 : 0;
            }
        }

        await using var again = await home.StartReadyAsync();
        await using var after = await Client.ConnectAsync(again.AmqpPort);
        await using var left = await DeclareAsync(after);
        Assert.InRange(await left.MessageCountAsync("once"), (uint)confirmed, (uint)Messages);
        await Task.WhenAll(Enumerable.Range(0, Messages).Select(id => PublishAsync(left, id)));

        List<int> got = [];
        while (await left.BasicGetAsync("once", autoAck: true) is { } message)
        {
            got.Add(int.Parse(message.BasicProperties.MessageId!, CultureInfo.InvariantCulture));
        }

        Assert.Equal(Enumerable.Range(0, Messages), got.Order());
    }

    private static async Task<IChannel> DeclareAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
        await channel.QueueDeclareAsync("once", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-message-deduplication"] = true });
        return channel;
    }

    private static Task PublishAsync(IChannel channel, int id) => channel.BasicPublishAsync(
        "", "once", mandatory: false, new BasicProperties { MessageId = id.ToString(CultureInfo.InvariantCulture), DeliveryMode = DeliveryModes.Persistent }, new byte[50]).AsTask();

    private static async Task<bool> IsConfirmedAsync(Task published)
    {
        try
        {
            await published;
            return true;
        }
        catch (Exception exception) when (Client.IsLoss(exception))
        {
            return false;
        }
    }
}
