using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>What bind-ok of one client promises holds for another: afterwards a message comes to the queue, and after unbind-ok none does. Again and again, each time with a key of its own.</summary>
internal sealed class Toggling(string exchange, ChaosClient binder, ChaosClient user, Action<string> report)
{
    private const string Queue = "chaos.toggled";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private uint _routed;

    // Published, and not known to be there, for the connection ended.
    private uint _unsure;

    /// <summary>How often a binding was made, used, removed and seen to be gone.</summary>
    public int Count { get; private set; }

    public static async Task<IChannel> PrepareAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false);
        return channel;
    }

    /// <summary>Completes when it has got through once more from beginning to end: what was asked while something was lost is answered.</summary>
    public async Task OnceMoreAsync(Task running)
    {
        for (var until = Count + 2; Count < until;)
        {
            if (running.IsCompleted)
            {
                await running;
                return;
            }

            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 0; !stop.IsCancellationRequested; number++)
        {
            var (binding, publishing) = (await binder.CurrentAsync(), await user.CurrentAsync());
            try
            {
                var key = string.Create(CultureInfo.InvariantCulture, $"toggled.{number}");
                await binding.Channel.QueueBindAsync(Queue, exchange, key, cancellationToken: CancellationToken.None);
                await ExpectAsync(publishing.Channel, key, isRouted: true);
                await binding.Channel.QueueUnbindAsync(Queue, exchange, key, cancellationToken: CancellationToken.None);
                await ExpectAsync(publishing.Channel, key, isRouted: false);
                Count++;
            }
            catch (Exception) when (!binding.Connection.IsOpen || !publishing.Connection.IsOpen)
            {
                // With the next connection and the next key.
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
    }

    /// <summary>Nobody consumes: all that was routed is there.</summary>
    public async Task CheckAsync() =>
        Assert.InRange((await (await binder.CurrentAsync()).Channel.QueueDeclarePassiveAsync(Queue)).MessageCount, _routed, _routed + _unsure);

    private async Task ExpectAsync(IChannel channel, string key, bool isRouted)
    {
        var wasRouted = true;
        try
        {
            _unsure++;
            await channel.BasicPublishAsync(exchange, key, mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(key));
            _routed++;
            _unsure--;
        }
        catch (PublishReturnException)
        {
            wasRouted = false;
            _unsure--;
        }

        if (wasRouted != isRouted)
        {
            report($"{DateTime.UtcNow:HH:mm:ss.fff} {key} was {(wasRouted ? "routed after unbind-ok" : "returned after bind-ok")}");
        }
    }
}
