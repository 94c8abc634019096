using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Gateway.Tests.Management;

/// <summary>The requests that KEDA's scaler for RabbitMQ makes, as it makes them (pkg/scalers/rabbitmq_scaler.go), and what it reads of the answers.</summary>
[WatchedBroker]
public sealed class KedaTests(ApiBroker broker) : IClassFixture<ApiBroker>, IAsyncLifetime
{
    private readonly string _vhost = ApiBroker.New("keda");
    private WireConnection? _connection;

    public async Task InitializeAsync()
    {
        await broker.SendAsync(HttpMethod.Put, $"vhosts/{_vhost}", "{}");
        _connection = await WireConnection.OpenAsync(broker.Broker.AmqpPort, vhost: _vhost);
        await _connection.CallAsync(1, ConfirmSelect(), 85, 11);
    }

    public async Task DisposeAsync()
    {
        // It lets go of what it holds before the vhost is deleted, which would close it.
        await _connection!.CallAsync(0, ConnectionClose(), 10, 51);
        await _connection.DisposeAsync();
        await broker.SendAsync(HttpMethod.Delete, $"vhosts/{_vhost}");
    }

    [Fact]
    public async Task QueueLength_OfOneQueue_CountsWhatIsReadyAndWhatIsNotAcknowledged()
    {
        await FillAsync("orders", 5);
        await TakeAsync("orders", 2);

        var queue = await AskAsync($"/api/queues/{_vhost}/orders", static queue => (int)queue["messages_unacknowledged"]! == 2);

        Assert.Equal(("orders", 5, 3), ((string)queue["name"]!, (int)queue["messages"]!, (int)queue["messages_ready"]!));

        // With the protocol amqp it declares passively, and counts what is ready.
        var declared = await _connection!.CallAsync(1, QueueDeclare("orders", passive: true), 50, 11);
        Assert.Equal("0000000300000000", Convert.ToHexString(declared.Payload.AsSpan(declared.Payload.Length - 8)));
    }

    // Go's url.QueryEscape, by which a vhost's and a queue's name get into the path.
    [Theory]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("größe", "gr%C3%B6%C3%9Fe")]
    [InlineData("x+y", "x%2By")]
    [InlineData("50%", "50%25")]
    public async Task QueueLength_OfAQueueWithAnEscapedName_IsThatQueues(string name, string escaped)
    {
        await FillAsync(name, 1);
        var queue = await AskAsync($"/api/queues/{_vhost}/{escaped}", static queue => (int)queue["messages"]! == 1);
        Assert.Equal(name, (string)queue["name"]!);
    }

    [Fact]
    public async Task QueueLength_InTheStandardVhost_IsAskedByItsEscapedName()
    {
        var queue = await broker.DeclareQueueAsync();
        Assert.Equal(0, (int)(await AskAsync($"/api/queues/%2F/{queue}", static _ => true))["messages"]!);
    }

    [Theory]
    [InlineData("%5Ekeda.%2A", 100, new[] { "keda-1", "keda-2" }, 1)]
    [InlineData("%5Ekeda-%5B12%5D%24", 1, new[] { "keda-1" }, 2)]
    [InlineData("KEDA-2", 100, new[] { "keda-2" }, 1)]
    [InlineData("a%2Bb", 100, new[] { "aab" }, 1)]
    [InlineData("two+words", 100, new[] { "two words" }, 1)]
    [InlineData("nothing", 100, new string[0], 0)]
    public async Task QueueLength_OfAPattern_IsOnePageWithTheNumberOfAll(string pattern, int size, string[] names, int pages)
    {
        foreach (var name in new[] { "keda-1", "keda-2", "aab", "two words" })
        {
            await FillAsync(name, 1);
        }

        var answer = await AskAsync(
            $"/api/queues/{_vhost}?page=1&use_regex=true&pagination=false&name={pattern}&page_size={size.ToString(CultureInfo.InvariantCulture)}",
            answer => answer["items"]!.AsArray().All(static queue => (int)queue!["messages"]! == 1));

        Assert.Equal(names, answer["items"]!.AsArray().Select(static queue => (string)queue!["name"]!).Order(StringComparer.Ordinal));
        Assert.Equal((pages, 4), ((int)answer["page_count"]!, (int)answer["total_count"]!));
        Assert.All(answer["items"]!.AsArray(), static queue => Assert.NotNull(queue!["messages_ready"]));
    }

    [Fact]
    public async Task MessageRate_AndDeliverGetRate_AreThoseOfTheLastSeconds()
    {
        await FillAsync("rates", 1);
        var (since, count) = (Stopwatch.GetTimestamp(), 0);
        double published, delivered, seen;
        do
        {
            await FillAsync("rates", 1);
            await TakeAsync("rates", 1, noAck: true);
            count++;
            var queue = await AskAsync($"/api/queues/{_vhost}/rates", static _ => true);
            seen = count / Stopwatch.GetElapsedTime(since).TotalSeconds;
            (published, delivered) = (RateOf(queue, "publish_details"), RateOf(queue, "deliver_get_details"));
            Assert.True(Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(30), $"{published} and {delivered} were told, {seen} were seen");
        }
        while (!(published > seen / 2 && published < seen * 2 && delivered > seen / 2 && delivered < seen * 2));
    }

    private static double RateOf(JsonNode queue, string name) => (double?)queue["message_stats"]?[name]?["rate"] ?? 0;

    private async Task FillAsync(string queue, int count)
    {
        await _connection!.CallAsync(1, QueueDeclare(queue, durable: true), 50, 11);
        for (var i = 0; i < count; i++)
        {
            await _connection.PublishAsync(1, BasicPublish("", queue), [1]);
            await _connection.ExpectAsync(60, 80);
        }
    }

    private async Task TakeAsync(string queue, int count, bool noAck = false)
    {
        for (var i = 0; i < count; i++)
        {
            await _connection!.CallAsync(1, BasicGet(queue, noAck), 60, 71);
            await _connection.ReadAsync();
            await _connection.ReadAsync();
        }
    }

    // Its path as it is, and guest's credentials from the address.
    private async Task<JsonNode> AskAsync(string request, Func<JsonNode, bool> isThere)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var answer = JsonNode.Parse(await broker.Client.GetStringAsync(new Uri(
                string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.Broker.HttpPort}{request}"), new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }), patience.Token))!;
            if (isThere(answer))
            {
                return answer;
            }

            await Task.Delay(20, patience.Token);
        }
    }
}
