using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Clients that do everything right while others do not: over AMQP in a vhost of their own, and over HTTP. How long they wait at the most is what is judged.</summary>
internal sealed class OtherClients : IAsyncDisposable
{
    /// <summary>The vhost that is theirs: nobody else may name it.</summary>
    public const string Vhost = "served";

    /// <summary>On a machine with two processors that runs the abusers as well.</summary>
    private static readonly TimeSpan SlowestTrip = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task<(int Trips, TimeSpan Slowest)>[] _clients;

    private OtherClients(BrokerProcess broker) => _clients = [ServeAsync(AmqpTripsAsync(broker)), ServeAsync(HttpTripsAsync(broker))];

    /// <summary>They begin.</summary>
    public static OtherClients Of(BrokerProcess broker) => new(broker);

    /// <summary>They end, and each of them has been served all the time.</summary>
    /// <returns>Round trips.</returns>
    public async Task<int> StopAsync()
    {
        await _stop.CancelAsync();
        var all = await Task.WhenAll(_clients);
        Assert.All(all, static one =>
        {
            Assert.True(one.Trips > 0, "somebody was not served at all");
            Assert.True(one.Slowest < SlowestTrip, $"a round trip took {one.Slowest}");
        });
        return all.Sum(static one => one.Trips);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAny(Task.WhenAll(_clients));
        _stop.Dispose();
    }

    // A trip that is under way when they are told to stop is finished, and counts.
    private async Task<(int Trips, TimeSpan Slowest)> ServeAsync(IAsyncEnumerable<bool> steps)
    {
        var (trips, slowest, since) = (0, TimeSpan.Zero, Stopwatch.GetTimestamp());
        await foreach (var _ in steps)
        {
            var took = Stopwatch.GetElapsedTime(since);
            (trips, slowest, since) = (trips + 1, took > slowest ? took : slowest, Stopwatch.GetTimestamp());
            if (_stop.IsCancellationRequested)
            {
                break;
            }
        }

        return (trips, slowest);
    }

    // Logs in, publishes, has the confirm, and takes its message.
    private static async IAsyncEnumerable<bool> AmqpTripsAsync(BrokerProcess broker)
    {
        while (true)
        {
            await using var connection = await WireConnection.OpenAsync(broker.AmqpPort, vhost: Vhost);
            await connection.CallAsync(1, QueueDeclare("good", durable: true), 50, 11);
            await connection.CallAsync(1, ConfirmSelect(), 85, 11);
            for (var i = 0; i < 20; i++)
            {
                await connection.PublishAsync(1, BasicPublish("", "good"), [1, 2, 3], flags: 1 << 12, properties: [2]);
                await connection.ExpectAsync(60, 80);
                await connection.CallAsync(1, BasicGet("good", noAck: true), 60, 71);
                await connection.ReadAsync();
                await connection.ReadAsync();
                yield return true;
            }
        }
    }

    private static async IAsyncEnumerable<bool> HttpTripsAsync(BrokerProcess broker)
    {
        using var client = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.HttpPort}/api/")) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        while (true)
        {
            Assert.Contains("\"good\"", await client.GetStringAsync(new Uri($"queues/{Vhost}/good?columns=name", UriKind.Relative)), StringComparison.Ordinal);
            yield return true;
        }
    }
}
