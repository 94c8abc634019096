using System.Globalization;
using Granary.Crash.Brokers;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash;

/// <summary>Connections that come, publish what is kept, and go: nothing of them stays but their messages.</summary>
public sealed class PassingPublishersTests
{
    private const int Publishers = 200;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Connections_ThatPublishedAndWent_LeaveNoRowOfTheirOwnInTheDatabase()
    {
        await using var home = await Home.CreateAsync(StoreKind.Postgres);
        await using var node = await home.StartReadyAsync();
        await using var stays = await Client.ConnectAsync(node.AmqpPort);
        await PublishAsync(stays);
        for (var i = 1; i < Publishers; i++)
        {
            await using var passing = await Client.ConnectAsync(node.AmqpPort);
            await PublishAsync(passing);
        }

        // The one that may still publish again has a row.
        await UntilAsync(async () => await CountAsync(home) == 1);
        await using var channel = await stays.CreateChannelAsync();
        Assert.Equal((uint)Publishers, await channel.MessageCountAsync("q"));
        await stays.CloseAsync();
        await UntilAsync(async () => await CountAsync(home) == 0);
    }

    private static async Task<int> CountAsync(Home home) => int.Parse(await home.QueryAsync("select count(*) from granary.links"), CultureInfo.InvariantCulture);

    private static async Task PublishAsync(IConnection connection)
    {
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
        await channel.BasicPublishAsync("", "q", mandatory: true, new BasicProperties { Persistent = true }, new byte[] { 1 });
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await isSo())
        {
            await Task.Delay(50, limit.Token);
        }
    }
}
