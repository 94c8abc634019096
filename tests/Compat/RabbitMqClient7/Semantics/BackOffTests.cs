using System.Globalization;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using static Granary.RabbitMqClient7.Tests.ChannelShorthand;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>
/// A retry loop as RabbitMQ's users build it: what a consumer rejects waits in a queue with a time to live and no consumer, longer after each try, and comes back as
/// that queue's dead letter.
/// </summary>
[WatchedBroker]
public sealed class BackOffTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private const int Count = 10_000;

    private static readonly int[] Waits = [100, 200, 400];

    private readonly string _prefix = $"backoff.{Guid.NewGuid():N}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    private string Work => $"{_prefix}.work";

    private string Parked => $"{_prefix}.parked";

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.CreateChannelAsync(new CreateChannelOptions(true, true, outstandingPublisherConfirmationsRateLimiter: null));
        await DeclareAsync(Work, []);
        await DeclareAsync(Parked, []);
        for (var i = 0; i < Waits.Length; i++)
        {
            await DeclareAsync(
                WaitingFor(i), new() { ["x-message-ttl"] = Waits[i], ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = Work });
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var queue in Enumerable.Range(0, Waits.Length).Select(WaitingFor).Concat([Work, Parked]))
        {
            await _channel.QueueDeleteAsync(queue);
        }

        await _connection.DisposeAsync();
    }

    /// <summary>
    /// The consumer publishes what failed to the queue of its next wait, and acknowledges it when that is confirmed. What it publishes has died once when it comes back, whatever
    /// headers it is published with, as from RabbitMQ 4.0 on.
    /// </summary>
    [Fact]
    public async Task TenThousandMessages_ThatFailThreeTimes_AreParkedWithTheirDeathsCounted()
    {
        await using var consuming = await _connection.CreateChannelAsync();
        await consuming.BasicQosAsync(0, 500, global: false);
        var inbox = await Inbox.ConsumeAsync(consuming, Work);
        await Task.WhenAll(Enumerable.Range(0, Count).Select(number => _channel.SendAsync("", Work, Named(number), Persistent())));

        var tries = new int[Count];
        for (var left = Count * (Waits.Length + 1); left > 0;)
        {
            var some = await inbox.TakeAsync(Math.Min(left, Math.Max(1, Math.Min(inbox.Waiting, 250))));
            await Task.WhenAll(some.Select(delivery =>
            {
                var number = int.Parse(delivery.Body, CultureInfo.InvariantCulture);
                var times = tries[number]++;
                Assert.Equal(times == 0 ? [] : [(WaitingFor(times - 1), "expired", 1L)], DeathsOf(delivery.Headers));
                return _channel.SendAsync("", times < Waits.Length ? WaitingFor(times) : Parked, delivery.Body, Persistent(delivery.Headers));
            }));
            await consuming.BasicAckAsync(some[^1].Tag, multiple: true);
            left -= some.Count;
        }

        Assert.All(tries, static times => Assert.Equal(Waits.Length + 1, times));
        Assert.Equal((uint)Count, (await _channel.QueueDeclarePassiveAsync(Parked)).MessageCount);
        Assert.Equal(0u, (await _channel.QueueDeclarePassiveAsync(Work)).MessageCount);
        var parked = await Inbox.ConsumeAsync(consuming, Parked, autoAck: true);
        Assert.Equal(Enumerable.Range(0, Count).Select(Named), (await parked.BodiesAsync(Count)).Order(StringComparer.Ordinal));
    }

    /// <summary>The consumer only rejects: the work queue's own dead letters go to the wait, and come back from there, so that one entry of each queue counts the rounds.</summary>
    [Fact]
    public async Task Messages_ThatAreRejectedAgainAndAgain_CountTheirRounds()
    {
        const int Some = 1_000, Rounds = 3;
        var (work, waiting) = ($"{_prefix}.rejected", $"{_prefix}.waiting");
        await DeclareAsync(work, new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = waiting });
        await DeclareAsync(waiting, new() { ["x-message-ttl"] = Waits[0], ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = work });
        var inbox = await Inbox.ConsumeAsync(_channel, work);
        await Task.WhenAll(Enumerable.Range(0, Some).Select(number => _channel.SendAsync("", work, Named(number), Persistent())));
        var rounds = new int[Some];
        for (var left = Some * (Rounds + 1); left > 0; left--)
        {
            var delivery = await inbox.TakeAsync();
            var round = rounds[int.Parse(delivery.Body, CultureInfo.InvariantCulture)]++;
            Assert.Equal(round == 0 ? [] : [(waiting, "expired", (long)round), (work, "rejected", (long)round)], DeathsOf(delivery.Headers));
            await (round < Rounds ? _channel.BasicRejectAsync(delivery.Tag, requeue: false) : _channel.BasicAckAsync(delivery.Tag, multiple: false));
        }

        Assert.Equal(0u, await _channel.QueueDeleteAsync(work));
        Assert.Equal(0u, await _channel.QueueDeleteAsync(waiting));
    }

    private static string Named(int number) => number.ToString("D5", CultureInfo.InvariantCulture);

    private static BasicProperties Persistent(IDictionary<string, object?>? headers = null) => new() { DeliveryMode = DeliveryModes.Persistent, Headers = headers };

    private static (string Queue, string Reason, long Count)[] DeathsOf(IDictionary<string, object?>? headers) =>
        headers?.TryGetValue("x-death", out var told) == true
            ? [.. ((List<object?>)told!).Cast<IDictionary<string, object?>>().Select(death => (Text(death["queue"]), Text(death["reason"]), (long)death["count"]!))]
            : [];

    private string WaitingFor(int times) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}.wait-{Waits[times]}");

    private Task DeclareAsync(string queue, Dictionary<string, object?> arguments) =>
        _channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments);
}
