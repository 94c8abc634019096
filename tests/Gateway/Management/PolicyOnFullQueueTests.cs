using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Granary.Gateway.Tests.Abuse;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Gateway.Tests.Management;

/// <summary>Policies that are set and cleared while a queue holds a hundred thousand messages: what RabbitMQ does with them, and soon.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class PolicyOnFullQueueTests(AbusedBroker broker) : IClassFixture<AbusedBroker>, IAsyncLifetime
{
    private const int Messages = 100_000, BodySize = 16;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2), LettersTake = TimeSpan.FromSeconds(30);

    private readonly string _vhost = ApiBroker.New("full");
    private WireConnection? _connection;

    private WireConnection Connection => _connection!;

    public async Task InitializeAsync()
    {
        await DoneAsync(HttpMethod.Put, $"vhosts/{_vhost}", "{}");
        _connection = await WireConnection.OpenAsync(broker.Broker.AmqpPort, vhost: _vhost);
        await Connection.CallAsync(1, ConfirmSelect(), 85, 11);
    }

    public async Task DisposeAsync()
    {
        await Connection.CallAsync(0, ConnectionClose(), 10, 51);
        await Connection.DisposeAsync();
        await DoneAsync(HttpMethod.Delete, $"vhosts/{_vhost}");
    }

    [Theory]
    [InlineData("""{"max-length":40000}""", 40_000, 40_000)]
    [InlineData("""{"max-length-bytes":160000}""", 10_000, 10_000)]
    [InlineData("""{"max-length":0}""", 0, 0)]
    public async Task Limit_ThatIsSet_DropsTheOldestAtOnceAndHoldsUntilItIsCleared(string definition, int left, int afterMore)
    {
        await FillAsync("q");

        await SetAsync(definition, () => CountIsAsync("q", left));
        await PublishAsync("q", 10, expected: 80);
        await WaitAsync(() => CountIsAsync("q", afterMore), Soon);
        if (left > 0)
        {
            // The newest are left: those that were published last are among them.
            Assert.Equal(Messages - left + 10, await FirstAsync("q"));
        }

        await ClearAsync();
        var before = await CountAsync("q");
        await PublishAsync("q", 10, expected: 80);
        Assert.Equal(before + 10, await CountAsync("q"));
    }

    [Fact]
    public async Task RejectPublish_ThatIsSet_RefusesWhatComesAndKeepsWhatIsThere()
    {
        await FillAsync("q");
        var accepted = 0;
        await SetAsync("""{"max-length":50000,"overflow":"reject-publish"}""", async () => !await IsAcceptedAsync());
        Assert.Equal(Messages + accepted, await CountAsync("q"));

        await ClearAsync();
        await WaitAsync(IsAcceptedAsync, Soon);
        Assert.Equal(Messages + accepted, await CountAsync("q"));

        async Task<bool> IsAcceptedAsync()
        {
            await Connection.SendAsync(Publish("q", Messages));
            var isAccepted = (await Connection.ReadAsync())!.Is(60, 80);
            accepted += isAccepted ? 1 : 0;
            return isAccepted;
        }
    }

    // What is there has no end to its time; RabbitMQ, too, fixes it when a message is enqueued.
    [Fact]
    public async Task MessageTtl_ThatIsSet_IsThatOfMessagesThatComeFromThenOn()
    {
        await FillAsync("q");
        await SetAsync("""{"message-ttl":200}""", () => IsEffectiveAsync("q", "message-ttl"));
        await PublishAsync("q", 5, expected: 80);
        await WaitAsync(() => CountIsAsync("q", Messages), Soon);

        await ClearAsync();
        await PublishAsync("q", 5, expected: 80);
        Assert.Equal(Messages + 5, await CountAsync("q"));
        await Connection.CallAsync(1, QueueDeclare("ttl", arguments: new Dictionary<string, object?> { ["x-expires"] = 400 }), 50, 11);

        // When a queue that was declared later has expired, so would have those.
        await WaitAsync(() => IsGoneAsync("ttl"), LettersTake);
        Assert.Equal(Messages + 5, await CountAsync("q"));
    }

    [Fact]
    public async Task Expires_ThatIsSet_RemovesTheQueueThatNobodyUses()
    {
        await FillAsync("q");
        await SetAsync("""{"expires":500}""", () => Task.FromResult(true));
        await WaitAsync(() => IsGoneAsync("q"), Soon);
        await Connection.CallAsync(1, QueueDeclare("q", durable: true), 50, 11);
        Assert.Equal(0, await CountAsync("q"));
        await ClearAsync();
    }

    [Fact]
    public async Task DeadLetterExchange_ThatIsSetWithALimit_GetsWhatIsDropped()
    {
        await FillAsync("q");
        await Connection.CallAsync(1, QueueDeclare("dead", durable: true), 50, 11);
        await SetAsync("""{"max-length":30000,"dead-letter-exchange":"","dead-letter-routing-key":"dead"}""", () => CountIsAsync("q", 30_000), "^q$");
        await WaitAsync(() => CountIsAsync("dead", Messages - 30_000), LettersTake);

        await ClearAsync();
        await SetAsync("""{"max-length":20000}""", () => CountIsAsync("q", 20_000), "^q$");
        Assert.Equal(Messages - 30_000, await CountAsync("dead"));
    }

    [Fact]
    public async Task OperatorPolicy_BesideAPolicy_MakesTheLesserLimitHold()
    {
        await FillAsync("q");
        await SetAsync("""{"max-length":50000}""", () => CountIsAsync("q", 50_000));
        await DoneAsync(HttpMethod.Put, $"operator-policies/{_vhost}/o", """{"pattern":"^q$","definition":{"max-length":20000}}""");
        await WaitAsync(() => CountIsAsync("q", 20_000), Soon);

        await DoneAsync(HttpMethod.Delete, $"operator-policies/{_vhost}/o");
        await PublishAsync("q", 40_000, expected: null);
        await WaitAsync(() => CountIsAsync("q", 50_000), Soon);
        await ClearAsync();
    }

    [Theory]
    [InlineData("""{"queue-mode":"lazy","queue-version":2}""")]
    [InlineData("""{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}""")]
    [InlineData("""{"queue-master-locator":"min-masters"}""")]
    [InlineData("""{"consumer-timeout":600000}""")]
    public async Task Key_ThatConcernsNoMessage_ChangesNone(string definition)
    {
        await FillAsync("q");
        await SetAsync(definition, () => IsEffectiveAsync("q", definition.Split('"')[1]));
        Assert.Equal((Messages, 0), (await CountAsync("q"), await FirstAsync("q")));
        await ClearAsync();
        Assert.Equal(Messages - 1, await CountAsync("q"));
    }

    [Fact]
    public async Task DeliveryLimit_ThatIsSet_DropsWhatComesBackTooOften()
    {
        await FillAsync("q", new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await SetAsync("""{"delivery-limit":2}""", () => IsEffectiveAsync("q", "delivery-limit"));
        await ReturnAsync(3);
        await WaitAsync(() => CountIsAsync("q", Messages - 1), Soon);
        Assert.Equal(1, await FirstAsync("q"));

        // Without it the limit is 20.
        await ClearAsync();
        await ReturnAsync(20);
        Assert.Equal(Messages - 2, await CountAsync("q"));
        await ReturnAsync(1);
        await WaitAsync(() => CountIsAsync("q", Messages - 3), Soon);
    }

    [Fact]
    public async Task AlternateExchange_ThatIsSet_GetsWhatHasNoQueueUntilItIsCleared()
    {
        await DoneAsync(HttpMethod.Put, $"exchanges/{_vhost}/x", """{"type":"direct"}""");
        await Connection.CallAsync(1, QueueDeclare("other", durable: true), 50, 11);
        await Connection.CallAsync(1, QueueBind("other", "amq.fanout"), 50, 21);
        await DoneAsync(HttpMethod.Put, $"policies/{_vhost}/p", """{"pattern":"^x$","definition":{"alternate-exchange":"amq.fanout"},"apply-to":"exchanges"}""");
        await WaitAsync(() => IsRoutedAsync(isWanted: true), Soon);

        await ClearAsync();
        await WaitAsync(() => IsRoutedAsync(isWanted: false), Soon);
    }

    private async Task<bool> IsRoutedAsync(bool isWanted)
    {
        var before = await CountAsync("other");
        await Connection.PublishAsync(1, BasicPublish("x", "none"), [1]);
        await Connection.ExpectAsync(60, 80);
        return await CountAsync("other") == before + (isWanted ? 1 : 0);
    }

    // Numbers from 0 on, persistent.
    private async Task FillAsync(string queue, Dictionary<string, object?>? arguments = null)
    {
        await Connection.CallAsync(1, QueueDeclare(queue, durable: true, arguments: arguments), 50, 11);
        await PublishAsync(queue, Messages, expected: null);
        await WaitAsync(() => CountIsAsync(queue, Messages), LettersTake);
    }

    /// <param name="expected">The method that each is answered with; null: they are sent on a connection of their own, and all are to be confirmed.</param>
    private async Task PublishAsync(string queue, int count, int? expected)
    {
        if (expected is { } method)
        {
            for (var i = 0; i < count; i++)
            {
                await Connection.SendAsync(Publish(queue, Messages + i));
                await Connection.ExpectAsync(60, (ushort)method);
            }

            return;
        }

        await using var publisher = await WireConnection.OpenAsync(broker.Broker.AmqpPort, vhost: _vhost);
        for (var i = 0; i < count; i += 1_000)
        {
            await publisher.SendAsync(Enumerable.Range(i, Math.Min(1_000, count - i)).SelectMany(number => Publish(queue, number)).ToArray());
        }

        // What was sent before it has arrived when this is answered.
        await publisher.CallAsync(0, ConnectionClose(), 10, 51);
    }

    private static byte[] Publish(string queue, int number)
    {
        var body = new byte[BodySize];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(body, number);
        return
        [
            .. new WireFrame(WireFrame.MethodType, 1, BasicPublish("", queue)).ToBytes(),
            .. new WireFrame(WireFrame.HeaderType, 1, Header(BodySize, 1 << 12, [2])).ToBytes(),
            .. new WireFrame(WireFrame.BodyType, 1, body).ToBytes(),
        ];
    }

    private async Task ReturnAsync(int times)
    {
        for (var i = 0; i < times; i++)
        {
            await Connection.CallAsync(1, BasicGet("q"), 60, 71);
            await Connection.ReadAsync();
            await Connection.ReadAsync();
            await Connection.SendMethodAsync(1, BasicNack(0, multiple: true, requeue: true));
        }
    }

    // Takes it.
    private async Task<int> FirstAsync(string queue)
    {
        await Connection.CallAsync(1, BasicGet(queue, noAck: true), 60, 71);
        await Connection.ReadAsync();
        var body = (await Connection.ReadAsync())!.Payload;
        return System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(body);
    }

    private async Task<int> CountAsync(string queue)
    {
        var declared = (await Connection.CallAsync(1, QueueDeclare(queue, passive: true), 50, 11)).Payload;
        return System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(declared.AsSpan(declared.Length - 8));
    }

    private async Task<bool> CountIsAsync(string queue, int count) => await CountAsync(queue) == count;

    private async Task<bool> IsEffectiveAsync(string queue, string key) =>
        (await TellAsync(queue))["effective_policy_definition"] is JsonObject effective && effective.ContainsKey(key);

    private async Task<JsonNode> TellAsync(string queue) => JsonNode.Parse(await broker.Client.GetStringAsync(new Uri($"queues/{_vhost}/{queue}", UriKind.Relative)))!;

    private async Task<bool> IsGoneAsync(string queue)
    {
        using var answer = await broker.Client.GetAsync(new Uri($"queues/{_vhost}/{queue}", UriKind.Relative));
        return answer.StatusCode == HttpStatusCode.NotFound;
    }

    private async Task SetAsync(string definition, Func<Task<bool>> isThere, string pattern = "^q$")
    {
        await DoneAsync(HttpMethod.Put, $"policies/{_vhost}/p", $$"""{"pattern":"{{pattern}}","definition":{{definition}}}""");
        await WaitAsync(isThere, Soon);
    }

    private async Task ClearAsync()
    {
        await DoneAsync(HttpMethod.Delete, $"policies/{_vhost}/p");
        await WaitAsync(async () => await IsGoneAsync("q") || (await TellAsync("q"))["policy"] is null, Soon);
    }

    private static async Task WaitAsync(Func<Task<bool>> isThere, TimeSpan limit)
    {
        var since = Stopwatch.GetTimestamp();
        while (!await isThere())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < limit, $"It is not so after {limit}.");
            await Task.Delay(10);
        }
    }

    private async Task DoneAsync(HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body is null ? null : ApiBroker.Json(body) };
        using var answer = await broker.Client.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }
}
