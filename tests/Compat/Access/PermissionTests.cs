using Granary.Core.Access;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Access;

/// <summary>Each operation with and without each right that it needs, and the answer of the one that is missing, word for word.</summary>
public sealed class PermissionTests : IAsyncLifetime
{
    private const int ChannelClosed = 1206, ConnectionClosed = 1205;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    // What each case finds: a queue q bound to exchange x, exchanges y and t.
    private static readonly byte[][] Setting =
    [
        QueueDeclare("q", durable: true), ExchangeDeclare("x"), ExchangeDeclare("y"), ExchangeDeclare("t", "topic"), QueueBind("q", "x", "k"),
    ];

    private OwnNode? _node;

    public static TheoryData<string, string, string, string, string> Cases => new()
    {
        // operation, what configure, write and read match, what is refused (empty: nothing)
        { "queue.declare new", "^new$", "", "", "" },
        { "queue.declare new", "", ".*", ".*", "configure access to queue 'new'" },
        { "queue.declare there", "^q$", "", "", "" },
        { "queue.declare there", "^p$", ".*", ".*", "configure access to queue 'q'" },
        { "queue.declare generated", "^amq\\.gen", "", "", "" },
        { "queue.declare dlx", "^new$", "^y$", "^new$", "" },
        { "queue.declare dlx", "^new$", "^y$", "", "read access to queue 'new'" },
        { "queue.declare dlx", "^new$", "^x$", "^new$", "write access to exchange 'y'" },
        { "queue.declare passive", "^q$", "", "", "" },
        { "queue.declare passive", "", "^q$", "", "" },
        { "queue.declare passive", "", "", "^q$", "" },
        { "queue.declare passive", "^p$", "^p$", "^p$", "configure access to queue 'q'" },
        { "queue.declare passive missing", "^p$", "^p$", "^p$", "configure access to queue 'missing'" },
        { "queue.delete", "^q$", "", "", "" },
        { "queue.delete", "", ".*", ".*", "configure access to queue 'q'" },
        { "queue.delete missing", "", ".*", ".*", "configure access to queue 'missing'" },
        { "queue.bind", "", "^q$", "^x$", "" },
        { "queue.bind", ".*", "^x$", "^x$", "write access to queue 'q'" },
        { "queue.bind", ".*", "^q$", "^q$", "read access to exchange 'x'" },
        { "queue.unbind", "", "^q$", "^x$", "" },
        { "queue.unbind", ".*", "^x$", "^x$", "write access to queue 'q'" },
        { "queue.unbind", ".*", "^q$", "^q$", "read access to exchange 'x'" },
        { "queue.purge", "", "", "^q$", "" },
        { "queue.purge", ".*", ".*", "^p$", "read access to queue 'q'" },
        { "exchange.declare new", "^new$", "", "", "" },
        { "exchange.declare new", "", ".*", ".*", "configure access to exchange 'new'" },
        { "exchange.declare ae", "^new$", "^y$", "^new$", "" },
        { "exchange.declare ae", "^new$", "^y$", "", "read access to exchange 'new'" },
        { "exchange.declare ae", "^new$", "^x$", "^new$", "write access to exchange 'y'" },
        { "exchange.declare passive", "", "", "^x$", "" },
        { "exchange.declare passive", "^p$", "^p$", "^p$", "configure access to exchange 'x'" },
        { "exchange.delete", "^x$", "", "", "" },
        { "exchange.delete", "", ".*", ".*", "configure access to exchange 'x'" },
        { "exchange.bind", "", "^y$", "^x$", "" },
        { "exchange.bind", ".*", "^x$", "^x$", "write access to exchange 'y'" },
        { "exchange.bind", ".*", "^y$", "^y$", "read access to exchange 'x'" },
        { "exchange.unbind", "", "^y$", "^x$", "" },
        { "exchange.unbind", ".*", "^x$", "^x$", "write access to exchange 'y'" },
        { "basic.publish", "", "^x$", "", "" },
        { "basic.publish", ".*", "^y$", ".*", "write access to exchange 'x'" },
        { "basic.publish missing", ".*", "^y$", ".*", "write access to exchange 'missing'" },
        { "basic.publish default", "", "^amq\\.default$", "", "" },
        { "basic.publish default", ".*", "^q$", ".*", "write access to exchange 'amq.default'" },
        { "basic.get", "", "", "^q$", "" },
        { "basic.get", ".*", ".*", "^p$", "read access to queue 'q'" },
        { "basic.get missing", ".*", ".*", "^p$", "read access to queue 'missing'" },
        { "basic.consume", "", "", "^q$", "" },
        { "basic.consume", ".*", ".*", "^p$", "read access to queue 'q'" },
    };

    private int Port => _node!.AmqpPort;

    public async Task InitializeAsync()
    {
        _node = await OwnNode.StartAsync();
        _node.Watched.Allow(ChannelClosed, ConnectionClosed);
        await _node.Access.PutVhostAsync(new VhostSettings("/m") { GrantTo = "guest" });
        await _node.AddUserAsync("joe");
    }

    public async Task DisposeAsync() => await _node!.DisposeAsync();

    [Fact]
    public async Task Operation_WithAndWithoutEachRight_IsDoneOrRefused()
    {
        foreach (var row in Cases)
        {
            var (operation, configure, write, read, refused) = ((string)row[0], (string)row[1], (string)row[2], (string)row[3], (string)row[4]);
            await using var owner = await WireConnection.OpenAsync(Port, vhost: "/m");
            foreach (var step in Setting)
            {
                await owner.SendMethodAsync(1, step);
                await owner.ReadAsync();
            }

            await _node!.Access.SetPermissionAsync(new Permission("joe", "/m", configure, write, read));
            await using var connection = await WireConnection.OpenAsync(Port, user: "joe", password: "joe", vhost: "/m");
            var (answer, method) = await TryAsync(connection, operation);

            var what = $"{operation} with '{configure}', '{write}', '{read}'";
            Assert.Equal(
                (what, refused.Length == 0 ? null : new WireClose("channel", 403, $"ACCESS_REFUSED - {refused} in vhost '/m' refused for user 'joe'", method.Class, method.Method)),
                (what, answer));
            foreach (var step in (byte[][])[QueueDelete("q"), QueueDelete("new"), ExchangeDelete("x"), ExchangeDelete("y"), ExchangeDelete("t"), ExchangeDelete("new")])
            {
                await owner.SendMethodAsync(1, step);
                await owner.ReadAsync();
            }
        }
    }

    [Theory]
    [InlineData("publish", "w.joe./m", null)]
    [InlineData("publish", "w.jo", "write access to topic 'w.jo' in exchange 't'")]
    [InlineData("bind", "r.1", null)]
    [InlineData("bind", "w.joe./m", "read access to topic 'w.joe./m' in exchange 't'")]
    public async Task Topic_WithAPermissionForItsExchange_IsAllowedByItsKey(string operation, string key, string? refused)
    {
        await using var owner = await WireConnection.OpenAsync(Port, vhost: "/m");
        await owner.CallAsync(1, ExchangeDeclare("t", "topic"), 40, 11);
        await owner.CallAsync(1, ExchangeDeclare("d"), 40, 11);
        await owner.CallAsync(1, QueueDeclare("q"), 50, 11);
        await _node!.Access.SetPermissionAsync(Permission.Full("joe", "/m"));
        await _node.Access.SetTopicPermissionAsync(new TopicPermission("joe", "/m", "t", @"^w\.{username}\.{vhost}$", @"^r\."));
        await _node.Access.SetTopicPermissionAsync(new TopicPermission("joe", "/m", "d", "", ""));
        await using var connection = await WireConnection.OpenAsync(Port, user: "joe", password: "joe", vhost: "/m");

        // Of other types than topic the permission says nothing.
        foreach (var exchange in new[] { "d", "t" })
        {
            await (operation == "publish" ? connection.PublishAsync(1, BasicPublish(exchange, key), [1]) : connection.SendMethodAsync(1, QueueBind("q", exchange, key)));
            var (answer, method) = (await CloseOrNullAsync(connection, operation == "publish" ? null : (50, 21)), operation == "publish" ? (60, 40) : (50, 20));
            Assert.Equal(
                exchange == "d" || refused is null
                    ? null
                    : new WireClose("channel", 403, $"ACCESS_REFUSED - {refused} in vhost '/m' refused for user 'joe'", (ushort)method.Item1, (ushort)method.Item2),
                answer);
        }
    }

    [Fact]
    public async Task Vhost_WithoutAPermissionInIt_IsRefused()
    {
        await using var connection = await WireConnection.ConnectAsync(Port);
        await connection.SendAsync(WireConnection.ProtocolHeader);
        await connection.ExpectAsync(10, 10);
        await connection.CallAsync(0, StartOk("joe", "joe"), 10, 30);
        await connection.SendMethodAsync(0, TuneOk());
        await connection.SendMethodAsync(0, ConnectionOpen("/m"));

        _node!.Watched.Allow(1101);
        Assert.Equal(new WireClose("connection", 530, "NOT_ALLOWED - access to vhost '/m' refused for user 'joe'", 10, 40), await connection.ExpectCloseAsync());
    }

    [Fact]
    public async Task Connections_OfAVhostThatIsDeleted_AreClosedAndItIsEmptyWhenItIsMadeAgain()
    {
        await using var connection = await WireConnection.OpenAsync(Port, vhost: "/m");
        await connection.CallAsync(1, QueueDeclare("q", durable: true), 50, 11);
        await connection.CallAsync(1, QueueDeclare("own", exclusive: true), 50, 11);

        Assert.True((await _node!.Access.DeleteVhostAsync("/m")).IsDone);

        Assert.Equal(new WireClose("connection", 320, "CONNECTION_FORCED - vhost '/m' is deleted", 0, 0), await connection.ExpectCloseAsync());
        await _node.Access.PutVhostAsync(new VhostSettings("/m") { GrantTo = "guest" });
        await using var next = await WireConnection.OpenAsync(Port, vhost: "/m");
        foreach (var name in new[] { "q", "own" })
        {
            await next.SendMethodAsync(1, QueueDeclare(name, passive: true));
            Assert.Equal($"NOT_FOUND - no queue '{name}' in vhost '/m'", (await next.ExpectCloseAsync()).Text);
            await next.CallAsync(1, ChannelOpen(), 20, 11);
        }
    }

    [Fact]
    public async Task Connections_OfAUserWhoIsDeleted_AreClosed()
    {
        await _node!.Access.SetPermissionAsync(Permission.Full("joe", "/m"));
        await using var connection = await WireConnection.OpenAsync(Port, user: "joe", password: "joe", vhost: "/m");

        await _node.Access.DeleteUserAsync("joe");

        Assert.Equal(new WireClose("connection", 320, "CONNECTION_FORCED - user 'joe' is deleted", 0, 0), await connection.ExpectCloseAsync());
    }

    [Fact]
    public async Task Queues_InAVhostWithADefaultType_AreOfItWhereTheyCanBe()
    {
        await _node!.Access.PutVhostAsync(new VhostSettings("/m") { DefaultQueueType = "quorum" });
        await using var connection = await WireConnection.OpenAsync(Port, vhost: "/m");
        await connection.CallAsync(1, QueueDeclare("q", durable: true), 50, 11);
        await connection.CallAsync(1, QueueDeclare("q", durable: true, arguments: new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }), 50, 11);
        await connection.CallAsync(1, QueueDeclare("exclusive", exclusive: true), 50, 11);

        await connection.SendMethodAsync(1, QueueDeclare("q", durable: true, arguments: new Dictionary<string, object?> { ["x-queue-type"] = "classic" }));
        Assert.Equal(406, (await connection.ExpectCloseAsync()).Code);
    }

    [Fact]
    public async Task Queues_BeyondTheLimitOfTheirVhost_AreRefusedUntilOneIsDeleted()
    {
        await using var connection = await WireConnection.OpenAsync(Port, vhost: "/m");
        await connection.CallAsync(1, QueueDeclare("one", durable: true), 50, 11);
        await _node!.Access.PutVhostAsync(new VhostSettings("/m") { Limits = new VhostLimits(null, 2) });
        await connection.CallAsync(1, QueueDeclare("two"), 50, 11);
        await connection.CallAsync(1, QueueDeclare("one", durable: true), 50, 11);

        await connection.SendMethodAsync(1, QueueDeclare("three"));
        Assert.Equal(
            new WireClose("channel", 406, "PRECONDITION_FAILED - cannot declare queue 'three': queue limit in vhost '/m' (2) is reached", 50, 10),
            await connection.ExpectCloseAsync());
        await connection.CallAsync(1, ChannelOpen(), 20, 11);
        await connection.CallAsync(1, QueueDelete("one"), 50, 41);
        await connection.CallAsync(1, QueueDeclare("three"), 50, 11);

        await _node.Access.PutVhostAsync(new VhostSettings("/m") { Limits = default(VhostLimits) });
        await connection.CallAsync(1, QueueDeclare("four"), 50, 11);
    }

    [Fact]
    public async Task Channels_BeyondTheLimitOfTheirUser_CloseTheConnection()
    {
        await _node!.Access.SetPermissionAsync(Permission.Full("joe", "/m"));
        await _node.Access.PutUserAsync(new UserSettings("joe") { Limits = new UserLimits(null, 2) });
        await using var first = await WireConnection.OpenAsync(Port, user: "joe", password: "joe", vhost: "/m");
        await using var second = await WireConnection.OpenAsync(Port, user: "joe", password: "joe", vhost: "/m");

        await second.SendMethodAsync(2, ChannelOpen());
        Assert.Equal(
            new WireClose("connection", 530, "NOT_ALLOWED - number of channels opened for user 'joe' has reached the maximum allowed user limit of 2", 0, 0),
            await second.ExpectCloseAsync());

        // Closed ones do not count.
        await first.CallAsync(1, ChannelClose(), 20, 41);
        await first.CallAsync(1, ChannelOpen(), 20, 11);
    }

    private static async Task<(WireClose? Close, (ushort Class, ushort Method) Method)> TryAsync(WireConnection connection, string operation)
    {
        static Dictionary<string, object?> With(string name) => new() { [name] = "y" };
        var (method, id, ok) = operation switch
        {
            "queue.declare new" => (QueueDeclare("new"), (50, 10), 11),
            "queue.declare there" => (QueueDeclare("q", durable: true), (50, 10), 11),
            "queue.declare generated" => (QueueDeclare(""), (50, 10), 11),
            "queue.declare dlx" => (QueueDeclare("new", arguments: With("x-dead-letter-exchange")), (50, 10), 11),
            "queue.declare passive" => (QueueDeclare("q", passive: true), (50, 10), 11),
            "queue.declare passive missing" => (QueueDeclare("missing", passive: true), (50, 10), 11),
            "queue.delete" => (QueueDelete("q"), (50, 40), 41),
            "queue.delete missing" => (QueueDelete("missing"), (50, 40), 41),
            "queue.bind" => (QueueBind("q", "x", "more"), (50, 20), 21),
            "queue.unbind" => (QueueUnbind("q", "x", "k"), (50, 50), 51),
            "queue.purge" => (QueuePurge("q"), (50, 30), 31),
            "exchange.declare new" => (ExchangeDeclare("new"), (40, 10), 11),
            "exchange.declare ae" => (ExchangeDeclare("new", arguments: With("alternate-exchange")), (40, 10), 11),
            "exchange.declare passive" => (ExchangeDeclare("x", passive: true), (40, 10), 11),
            "exchange.delete" => (ExchangeDelete("x"), (40, 20), 21),
            "exchange.bind" => (ExchangeBind("y", "x"), (40, 30), 31),
            "exchange.unbind" => (ExchangeUnbind("y", "x"), (40, 40), 51),
            "basic.get" => (BasicGet("q", noAck: true), (60, 70), 72),
            "basic.get missing" => (BasicGet("missing", noAck: true), (60, 70), 72),
            "basic.consume" => (BasicConsume("q"), (60, 20), 21),
            "basic.publish" => (BasicPublish("x", "k"), (60, 40), 0),
            "basic.publish missing" => (BasicPublish("missing", "k"), (60, 40), 0),
            "basic.publish default" => (BasicPublish("", "q"), (60, 40), 0),
            _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, "Not an operation."),
        };
        await (ok == 0 ? connection.PublishAsync(1, method, [1]) : connection.SendMethodAsync(1, method));
        return (await CloseOrNullAsync(connection, ok == 0 ? null : (id.Item1, ok)), ((ushort)id.Item1, (ushort)id.Item2));
    }

    // Null: it was answered as it is where it is allowed; what has no answer is followed by something that has.
    private static async Task<WireClose?> CloseOrNullAsync(WireConnection connection, (int Class, int Method)? ok)
    {
        if (ok is null)
        {
            await connection.SendMethodAsync(1, BasicQos(0, 1));
        }

        while (await connection.ReadAsync().WaitAsync(Limit) is { } frame)
        {
            if (WireClose.From(frame) is { } close)
            {
                return close;
            }

            var (expectedClass, expectedMethod) = ok ?? (60, 11);
            if (frame.Is((ushort)expectedClass, (ushort)expectedMethod))
            {
                return null;
            }
        }

        throw new InvalidDataException("The broker closed the socket without a close method.");
    }
}
