using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Granary.Crash.Brokers;
using Granary.Crash.Load;
using Granary.Testing.Logs;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash;

/// <summary>Messages that are published from inside the database, by <c>granary.publish</c>, in transactions of others.</summary>
public sealed class OutboxTests(OutboxTests.Broker broker) : IClassFixture<OutboxTests.Broker>
{
    private const int NotPublishable = 3351;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Publish_InATransactionThatCommits_ArrivesWithItsProperties_AndOtherwiseNot()
    {
        await using var channel = await broker.Connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("orders", "amq.topic", "order.#");

        await broker.Home.QueryAsync("begin; select granary.publish('amq.topic', 'order.none', 'rolled back'); rollback");
        await broker.Home.QueryAsync(
            """
            begin;
            select granary.publish('amq.topic', 'order.new', 'first', '{"message_id": "m1", "priority": 3.0, "headers": {"attempt": 1, "of": ["a", 2]}}');
            select granary.publish('', 'orders', '\x00ff'::bytea, '{"delivery_mode": 1, "expiration": "315360000000", "content_type": "application/octet-stream"}');
            select granary.publish('amq.topic', 'nobody.asks', 'unroutable');
            commit
            """);

        var (first, second) = (await GetAsync(channel, "orders"), await GetAsync(channel, "orders"));
        Assert.Equal(("amq.topic", "order.new", "first"), (first.Exchange, first.RoutingKey, Encoding.UTF8.GetString(first.Body.Span)));
        Assert.Equal(("m1", (byte)3, DeliveryModes.Persistent), (first.BasicProperties.MessageId, first.BasicProperties.Priority, first.BasicProperties.DeliveryMode));
        Assert.Equal(1L, first.BasicProperties.Headers!["attempt"]);
        Assert.Equal([0, 255], second.Body.ToArray());
        Assert.Equal(("315360000000", DeliveryModes.Transient), (second.BasicProperties.Expiration, second.BasicProperties.DeliveryMode));
        Assert.Equal(0u, await channel.MessageCountAsync("orders"));
        await UntilAsync(async () => await broker.Home.QueryAsync("select count(*) from granary.outbox") == "0");
    }

    [Fact]
    public async Task Publish_OfWhatNoBrokerTakes_FailsInTheDatabase()
    {
        var home = broker.Home;
        foreach (var (call, refusal) in new[]
        {
            ("'x', 'k', null::bytea", "no argument may be null"),
            ("repeat('x', 256), 'k', 'b'", "at most 255 bytes each"),
            ("'x', 'k', 'b', '[]'", "properties are a JSON object, not array"),
            ("'x', 'k', 'b', '{\"delivery_mood\": 2}'", "there is no property delivery_mood"),
            ("'x', 'k', 'b', '{\"user_id\": \"me\"}'", "there is no property user_id"),
            ("'x', 'k', 'b', '{\"delivery_mode\": 3}'", "property delivery_mode is 1 or 2"),
            ("'x', 'k', 'b', '{\"priority\": 1.5}'", "property priority is a whole number from 0 to 255"),
            ("'x', 'k', 'b', '{\"timestamp\": \"now\"}'", "property timestamp is a whole number of seconds"),
            ("'x', 'k', 'b', '{\"message_id\": 7}'", "property message_id is a text"),
            ("'x', 'k', 'b', '{\"expiration\": \"soon\"}'", "invalid expiration 'soon'"),
            ("'x', 'k', 'b', '{\"expiration\": \"315360000001\"}'", "invalid expiration '315360000001'"),
            ("'x', 'k', 'b', '{\"headers\": []}'", "property headers is an object"),
            ("'x', 'k', 'b', '{\"headers\": {\"CC\": \"q\"}}'", "headers CC and BCC are arrays"),
            ("'x', 'k', 'b', '{\"headers\": {\"BCC\": null}}'", "headers CC and BCC are arrays"),
            ("'x', 'k', 'b', '{\"reply_to\": \"amq.rabbitmq.reply-to\"}'", "there is no connection"),
            ("'', 'amq.rabbitmq.reply-to.g1.k', 'b'", "direct replies"),
        })
        {
            var failure = await Assert.ThrowsAnyAsync<Exception>(() => home.QueryAsync($"select granary.publish({call})"));
            Assert.Contains(refusal, failure.Message, StringComparison.Ordinal);
        }

        Assert.Equal("0", await home.QueryAsync("select count(*) from granary.outbox where exchange = 'x'"));

        // Nobody may publish whom nobody has allowed to.
        var denied = await Assert.ThrowsAnyAsync<Exception>(() => home.QueryAsync(
            "create role shop; grant usage on schema granary to shop; set role shop; select granary.publish('', 'q', 'b')"));
        Assert.Contains("permission denied for function publish", denied.Message, StringComparison.Ordinal);
        await home.QueryAsync(
            "create role clerk; grant usage on schema granary to clerk; grant execute on function granary.publish(text, text, text, jsonb, text, boolean) to clerk",
            "set role clerk; select granary.publish('', 'q', 'b')");
    }

    [Fact]
    public async Task Publish_ToWhatIsNotThereOrFull_WaitsAndKeepsNobodyElseWaiting()
    {
        var home = broker.Home;
        await using var channel = await broker.Connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("open", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync(
            "full", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 1, ["x-overflow"] = "reject-publish" });

        await home.QueryAsync(
            """
            begin;
            select granary.publish('later', 'k', 'to an exchange of later');
            select granary.publish('', 'full', 'one'), granary.publish('', 'full', 'two');
            select granary.publish('', 'later', 'to a queue of later', mandatory => true);
            select granary.publish('', 'open', 'open');
            commit
            """);

        Assert.Equal("open", Encoding.UTF8.GetString((await GetAsync(channel, "open")).Body.Span));
        await UntilAsync(async () => await home.QueryAsync("select count(*) from granary.outbox where tries > 0") == "3");
        Assert.Equal(
            "no exchange 'later' in vhost '/'\na queue refused the message\nthe message is mandatory and has no queue",
            await home.QueryAsync("select reason from granary.outbox order by id"));

        await channel.ExchangeDeclareAsync("later", "fanout", durable: true);
        await channel.QueueDeclareAsync("later", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("later", "later", "");
        Assert.Equal("one", Encoding.UTF8.GetString((await GetAsync(channel, "full")).Body.Span));
        Assert.Equal("two", Encoding.UTF8.GetString((await GetAsync(channel, "full")).Body.Span));
        string[] late = [Encoding.UTF8.GetString((await GetAsync(channel, "later")).Body.Span), Encoding.UTF8.GetString((await GetAsync(channel, "later")).Body.Span)];
        Assert.Equal(["to a queue of later", "to an exchange of later"], late.Order(StringComparer.Ordinal));
        await UntilAsync(async () => await home.QueryAsync("select count(*) from granary.outbox") == "0");
    }

    [Fact]
    public async Task Publish_ThroughAnExchangeThatAsksForIt_IsDeduplicated()
    {
        await using var channel = await broker.Connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync("once", "fanout", durable: true, autoDelete: false, new Dictionary<string, object?> { ["x-message-deduplication"] = true });
        await channel.QueueDeclareAsync("one of each", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("one of each", "once", "");
        await broker.Home.QueryAsync(
            """
            begin;
            select granary.publish('', 'one of each', 'not through it', '{"message_id": "a"}'), granary.publish('once', '', 'a', '{"message_id": "a"}');
            select granary.publish('once', '', 'a again', '{"message_id": "a"}'), granary.publish('once', '', 'b', '{"message_id": "b"}');
            select granary.publish('', 'one of each', 'the end', '{"message_id": "b"}');
            commit
            """);

        List<string> got = [];
        while (got is not [.., "the end"])
        {
            got.Add(Encoding.UTF8.GetString((await GetAsync(channel, "one of each")).Body.Span));
        }

        Assert.Equal(["not through it", "a", "b", "the end"], got);
    }

    /// <summary>What decides is written only together with the end of the message's row: as long as that does not go, nothing of the message is to be seen.</summary>
    [Fact]
    public async Task Publish_WhoseRowDoesNotGo_IsPublishedNowhere_AndOnceWhenItDoes()
    {
        var home = broker.Home;
        await using var channel = await broker.Connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("kept", durable: true, exclusive: false, autoDelete: false);
        await home.QueryAsync(
            "create function keep() returns trigger language plpgsql as 'begin return null; end'",
            "create trigger keep before delete on granary.outbox for each row when (old.routing_key = 'kept') execute function keep()",
            "select granary.publish('', 'kept', 'stays')");

        var watch = Stopwatch.StartNew();
        await UntilAsync(async () => int.Parse(await home.QueryAsync("select count(*) from granary.rows where kind = 'transactions'"), CultureInfo.InvariantCulture) > 1);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(15));
        Assert.Equal(0u, await channel.MessageCountAsync("kept"));

        await home.QueryAsync("drop trigger keep on granary.outbox");
        Assert.Equal("stays", Encoding.UTF8.GetString((await GetAsync(channel, "kept")).Body.Span));
        await UntilAsync(async () => await home.QueryAsync("select count(*) from granary.outbox where routing_key = 'kept'") == "0");
        Assert.Equal(0u, await channel.MessageCountAsync("kept"));
    }

    [Fact]
    public async Task Publish_BrokerAndDatabaseKilledMeanwhile_HasAllThatWasCommittedInEachQueueOnceAndInOrder()
    {
        await using var home = await Home.CreateAsync(StoreKind.Postgres);

        // While the database is gone, nothing can be written, nor read back that the node before had stored.
        home.Announced = StoreOutage.Events;
        var node = await home.StartReadyAsync();
        await DeclareAsync(node);
        await home.QueryAsync("create table made (n int primary key)");

        using var stop = new CancellationTokenSource();
        var writing = Task.Run(() => WriteAsync(home, stop.Token));
        for (var kill = 0; kill < 4; kill++)
        {
            var before = await MadeAsync(home);
            await UntilAsync(async () => await MadeAsync(home) > before + 20);
            if (kill % 2 == 0)
            {
                await node.KillAsync();
                await node.DisposeAsync();
                node = await home.StartReadyAsync();

                // Its queues are there: what is killed next interrupts publishing, and no activation.
                var last = await home.QueryAsync("select coalesce(max(id), 0) from granary.outbox");
                await UntilAsync(async () => await home.QueryAsync($"select count(*) from granary.outbox where id <= {last}") == "0");
            }
            else
            {
                await home.Server!.KillAsync();
                await home.Server.StartAgainAsync();
            }
        }

        await stop.CancelAsync();
        await writing;
        int[] made = [.. (await home.QueryAsync("select n from made order by n")).Split('\n').Select(static n => int.Parse(n, CultureInfo.InvariantCulture))];
        await using (node)
        {
            await using var connection = await Client.ConnectAsync(node.AmqpPort);
            Assert.Equal(made, await ConsumeAsync(connection, "left", made.Length));
            Assert.Equal(made, await ConsumeAsync(connection, "right", made.Length));
            await UntilAsync(async () => await home.QueryAsync("select (select count(*) from granary.outbox), (select count(*) from granary.rows where kind like 'prepared %')") == "0|0");
        }
    }

    private static async Task DeclareAsync(NodeProcess node)
    {
        await using var connection = await Client.ConnectAsync(node.AmqpPort);
        await using var channel = await connection.CreateChannelAsync();
        foreach (var queue in new[] { "left", "right" })
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await channel.QueueBindAsync(queue, "amq.fanout", "");
        }
    }

    private static async Task WriteAsync(Home home, CancellationToken stop)
    {
        for (var n = 0; !stop.IsCancellationRequested; n += 10)
        {
            try
            {
                await home.QueryAsync(
                    $"with new as (insert into made select * from generate_series({n}, {n + 9}) returning n) select count(granary.publish('amq.fanout', '', n::text)) from (select n from new order by n) as ordered");
            }
            catch (InvalidOperationException)
            {
                // The database is not there. What it made of that, the table says.
            }
        }
    }

    private static async Task<long> MadeAsync(Home home)
    {
        try
        {
            return long.Parse(await home.QueryAsync("select count(*) from made"), CultureInfo.InvariantCulture);
        }
        catch (InvalidOperationException)
        {
            return -1;
        }
    }

    private static async Task<int[]> ConsumeAsync(IConnection connection, string queue, int count)
    {
        await using var channel = await connection.CreateChannelAsync();
        var got = new ConcurrentQueue<int>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            got.Enqueue(int.Parse(Encoding.UTF8.GetString(delivery.Body.Span), CultureInfo.InvariantCulture));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        await UntilAsync(() => Task.FromResult(got.Count >= count));
        return [.. got];
    }

    private static async Task<BasicGetResult> GetAsync(IChannel channel, string queue)
    {
        BasicGetResult? got = null;
        await UntilAsync(async () => (got = await channel.BasicGetAsync(queue, autoAck: true)) is not null);
        return got!;
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>One node with its database, for the tests that leave it alive.</summary>
    public sealed class Broker : IAsyncLifetime
    {
        private NodeProcess _node = null!;

        internal Home Home { get; private set; } = null!;

        internal IConnection Connection { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Home = await Home.CreateAsync(StoreKind.Postgres);
            Home.Announced = [NotPublishable];
            _node = await Home.StartReadyAsync();
            Connection = await Client.ConnectAsync(_node.AmqpPort);
        }

        public async Task DisposeAsync()
        {
            await Connection.DisposeAsync();
            await _node.DisposeAsync();
            await Home.DisposeAsync();
        }
    }
}
