using System.Globalization;
using System.Text;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Conformance;

/// <summary>The steps that cases are made of. What has to come is waited for; nothing is taken to be so because time has passed.</summary>
internal static class Steps
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    public static ConformanceCase Case(string name, params Step[] steps) => new(name, steps);

    /// <summary>Does a step on another channel: "b2" is the second of the second connection.</summary>
    public static Step On(string place, Step step) => new($"{place}: {step.Text}", async channel => await step.RunAsync(await channel.Stage.AtAsync(place)));

    /// <summary>Expects a step to be refused with channel.close.</summary>
    public static Step ChannelError(ushort code, string text, Step step) => Refused("channel", code, text, step);

    /// <summary>As above, where the rest of the text is Erlang's, and of no interest.</summary>
    public static Step ChannelErrorBegins(ushort code, string text, Step step) => new($"{step.Text}: refused", async channel =>
    {
        var close = await CloseOfAsync(channel, step);
        Assert.Equal(("channel", code), (close.Level, close.Code));
        Assert.StartsWith(channel.Stage.Fill(text), close.Text, StringComparison.Ordinal);
    });

    /// <summary>Expects a step to be refused with connection.close.</summary>
    public static Step ConnectionError(ushort code, string text, Step step) => Refused("connection", code, text, step);

    /// <summary>Declares a queue; flags are words: passive, durable, exclusive, auto-delete.</summary>
    public static Step Declare(string queue, string flags, params (string, object?)[] arguments) =>
        new($"declare queue {queue} {flags} {Words(arguments)}", async channel => await DeclareAsync(channel, queue, flags, arguments));

    public static Step Declare(string queue, params (string, object?)[] arguments) => Declare(queue, "", arguments);

    public static Step Quorum(string queue, params (string, object?)[] arguments) => Declare(queue, "durable", [("x-queue-type", "quorum"), .. arguments]);

    public static Step StreamQueue(string queue, params (string, object?)[] arguments) => Declare(queue, "durable", [("x-queue-type", "stream"), .. arguments]);

    /// <summary>Declares a queue that the broker names so, and checks the name.</summary>
    public static Step DeclareUnnamed(string begin, string flags = "exclusive", params (string, object?)[] arguments) => new("declare a queue without a name", async channel =>
        Assert.StartsWith(begin, (await DeclareAsync(channel, "", flags, arguments)).Name, StringComparison.Ordinal));

    /// <summary>Asks until the queue has so many ready messages, and consumers.</summary>
    public static Step Has(string queue, uint messages, uint? consumers = null) => new($"{queue} has {messages} ready", channel => UntilAsync(async () =>
    {
        var answer = await DeclareAsync(channel, queue, "passive", []);
        return answer.Messages == messages && (consumers is null || answer.Consumers == consumers)
            ? null
            : $"{answer.Messages} ready messages and {answer.Consumers} consumers";
    }));

    /// <summary>Asks until the queue is gone, without using it: by what is returned.</summary>
    public static Step Gone(string queue) => new($"{queue} is gone", channel => UntilAsync(async () =>
    {
        await channel.PublishAsync(WireMethods.BasicPublish("", channel.Stage.NameOf(queue), mandatory: true), "probe"u8.ToArray(), new WireProperties());
        await channel.CallAsync(WireMethods.ChannelFlow(active: true), 20, 21);
        if (channel.Connection.Waiting(channel.Number, next => next.Is(50)).Length == 0)
        {
            return "there is still a queue";
        }

        await channel.TakeAsync(next => next.Is(50), "a return");
        return null;
    }));

    public static Step DeleteQueue(string queue, uint? had = null, bool ifUnused = false, bool ifEmpty = false) => new($"delete queue {queue}", async channel =>
    {
        var answer = await channel.CallAsync(WireMethods.QueueDelete(channel.Stage.NameOf(queue), ifUnused, ifEmpty), 50, 41);
        AssertCount(had, answer);
    });

    public static Step Purge(string queue, uint? had = null) => new($"purge {queue}", async channel =>
        AssertCount(had, await channel.CallAsync(WireMethods.QueuePurge(channel.Stage.NameOf(queue)), 50, 31)));

    /// <summary>Declares an exchange; flags are words: passive, durable, auto-delete, internal.</summary>
    public static Step Exchange(string exchange, string type, string flags = "", params (string, object?)[] arguments) =>
        new($"declare exchange {exchange} {type} {flags} {Words(arguments)}", channel => channel.CallAsync(
            WireMethods.ExchangeDeclare(
                channel.Stage.NoteExchange(exchange), type, Has(flags, "passive"), Has(flags, "durable"), Has(flags, "auto-delete"), Has(flags, "internal"),
                channel.Stage.Fill(arguments)),
            40, 11));

    public static Step DeleteExchange(string exchange, bool ifUnused = false) =>
        new($"delete exchange {exchange}", channel => channel.CallAsync(WireMethods.ExchangeDelete(channel.Stage.NameOf(exchange), ifUnused), 40, 21));

    public static Step Bind(string queue, string exchange, string key = "", params (string, object?)[] arguments) => new($"bind {queue} to {exchange} by '{key}'", channel =>
        channel.CallAsync(WireMethods.QueueBind(channel.Stage.NameOf(queue), channel.Stage.NameOf(exchange), key, channel.Stage.Fill(arguments)), 50, 21));

    public static Step Unbind(string queue, string exchange, string key = "", params (string, object?)[] arguments) => new($"unbind {queue} from {exchange}", channel =>
        channel.CallAsync(WireMethods.QueueUnbind(channel.Stage.NameOf(queue), channel.Stage.NameOf(exchange), key, channel.Stage.Fill(arguments)), 50, 51));

    public static Step BindExchange(string destination, string source, string key = "") => new($"bind exchange {destination} to {source}", channel =>
        channel.CallAsync(WireMethods.ExchangeBind(channel.Stage.NameOf(destination), channel.Stage.NameOf(source), key), 40, 31));

    public static Step UnbindExchange(string destination, string source, string key = "") => new($"unbind exchange {destination} from {source}", channel =>
        channel.CallAsync(WireMethods.ExchangeUnbind(channel.Stage.NameOf(destination), channel.Stage.NameOf(source), key), 40, 51));

    /// <summary>Publishes messages to a queue; their bodies are their names.</summary>
    public static Step Publish(string queue, params string[] bodies) => new($"publish {string.Join(' ', bodies)} to {queue}", async channel =>
    {
        foreach (var body in bodies)
        {
            await SendAsync(channel, "", channel.Stage.NameOf(queue), body, new WireProperties(), mandatory: false);
        }
    });

    public static Step PublishWith(string queue, string body, WireProperties properties, bool mandatory = false) =>
        new($"publish {body} to {queue}", channel => SendAsync(channel, "", channel.Stage.NameOf(queue), body, properties, mandatory));

    public static Step PublishTo(string exchange, string key, string body, WireProperties? properties = null, bool mandatory = false, bool immediate = false) => new(
        $"publish {body} to {exchange} by '{key}'",
        channel => SendAsync(channel, channel.Stage.NameOf(exchange), channel.Stage.Fill(key), body, properties ?? new WireProperties(), mandatory, immediate));

    public static Step Confirms() => new("confirm.select", channel => channel.CallAsync(WireMethods.ConfirmSelect(), 85, 11));

    /// <summary>The next so many publishes of the channel are confirmed.</summary>
    public static Step Acked(ulong through) => new($"confirmed through {through}", channel => AnsweredAsync(channel, 80, through));

    public static Step Nacked(ulong through) => new($"refused through {through}", channel => AnsweredAsync(channel, 120, through));

    /// <summary>A message comes back with 312; an answer to the publish may not have come before.</summary>
    public static Step Returned(string body) => new($"{body} is returned", async channel =>
    {
        var back = await channel.TakeAsync(next => next.Is(50) || next.Is(80) || next.Is(120), "a return");
        Assert.Equal((body, 312, "NO_ROUTE"), (back.Body, back.Reply.Code, back.Reply.Text));
    });

    /// <summary>Nothing is returned, delivered or answered that no step has asked for.</summary>
    public static Step Nothing(string queue) => new("nothing comes", async channel =>
    {
        await channel.SettleDownAsync(queue);
        Assert.Empty(channel.Connection.Waiting(channel.Number, next => next.HasMessage || next.Is(80) || next.Is(120) || next.Is(30)).Select(next => next.ToString()));
    });

    /// <summary>Gets a message, to be settled by its body.</summary>
    public static Step Get(string queue, string body, params Check[] checks) => new($"get {body} from {queue}", async channel =>
    {
        var got = await GetAsync(channel, queue, noAck: false);
        Assert.True(got.Is(71), $"{queue} was empty.");
        Take(channel, got, body, checks);
    });

    /// <summary>As <see cref="Get"/>, and so many messages are left.</summary>
    public static Step GetLeaving(string queue, string body, uint left) => new($"get {body} from {queue}, which leaves {left}", async channel =>
    {
        var got = await GetAsync(channel, queue, noAck: true);
        Assert.Equal((body, left), (got.Body, got.Left));
    });

    /// <summary>Gets until the message is there, and acknowledges it: for what comes by itself.</summary>
    public static Step Arrives(string queue, string body, params Check[] checks) => Arrives(queue, body, noAck: true, checks);

    /// <summary>As above, but it is still to be settled.</summary>
    public static Step ArrivesUnacked(string queue, string body, params Check[] checks) => Arrives(queue, body, noAck: false, checks);

    private static Step Arrives(string queue, string body, bool noAck, Check[] checks) => new($"{body} arrives in {queue}", channel => UntilAsync(async () =>
    {
        var got = await GetAsync(channel, queue, noAck);
        if (!got.Is(71))
        {
            return $"{queue} is empty";
        }

        Take(channel, got, body, checks);
        return null;
    }));

    public static Step GetEmpty(string queue) => new($"{queue} is empty", async channel =>
    {
        var got = await GetAsync(channel, queue, noAck: false);
        Assert.True(got.Is(72), $"Expected none, got '{got.Body}'.");
    });

    /// <summary>Consumes; flags are words: no-ack, exclusive, no-local.</summary>
    public static Step Consume(string queue, string tag, string flags = "", params (string, object?)[] arguments) => new($"consume {queue} as {tag} {flags} {Words(arguments)}", channel =>
        channel.CallAsync(
            WireMethods.BasicConsume(
                channel.Stage.NameOf(queue), tag, Has(flags, "no-ack"), Has(flags, "exclusive"), Has(flags, "no-local"), channel.Stage.Fill(arguments)),
            60, 21));

    /// <summary>The next delivery to the channel is this one.</summary>
    public static Step Delivered(string tag, string body, params Check[] checks) => new($"{body} is delivered to {tag}", async channel =>
    {
        var delivery = await channel.TakeAsync(next => next.Is(60), "a delivery");
        Assert.Equal((tag, body), (delivery.Consumer, delivery.Body));
        Take(channel, delivery, body, checks);
    });

    /// <summary>Deliveries to one consumer, one after the other.</summary>
    public static Step DeliveredAll(string tag, params string[] bodies) => new($"{string.Join(' ', bodies)} are delivered to {tag}", async channel =>
    {
        foreach (var body in bodies)
        {
            await Delivered(tag, body).RunAsync(channel);
        }
    });

    public static Step Cancel(string tag) => new($"cancel {tag}", channel => channel.CallAsync(WireMethods.BasicCancel(tag), 60, 31));

    /// <summary>The broker cancels a consumer.</summary>
    public static Step Cancelled(string tag) => new($"{tag} is cancelled", async channel =>
    {
        var cancel = await channel.TakeAsync(next => next.Is(30), "basic.cancel");
        Assert.Equal(tag, cancel.Method.Arguments().ShortString());
    });

    public static Step Qos(ushort count, bool global = false, uint size = 0) =>
        new($"qos {count}", channel => channel.CallAsync(WireMethods.BasicQos(size, count, global), 60, 11));

    public static Step Ack(string body, bool multiple = false) => new($"ack {body}", channel => channel.SendAsync(WireMethods.BasicAck(channel.TagOf(body), multiple)));

    public static Step AckTag(ulong tag, bool multiple = false) => new($"ack tag {tag}", channel => channel.SendAsync(WireMethods.BasicAck(tag, multiple)));

    public static Step Nack(string body, bool requeue = true, bool multiple = false) =>
        new($"nack {body}", channel => channel.SendAsync(WireMethods.BasicNack(channel.TagOf(body), multiple, requeue)));

    public static Step NackTag(ulong tag, bool requeue = true, bool multiple = false) =>
        new($"nack tag {tag}", channel => channel.SendAsync(WireMethods.BasicNack(tag, multiple, requeue)));

    public static Step Reject(string body, bool requeue = false) => new($"reject {body}", channel => channel.SendAsync(WireMethods.BasicReject(channel.TagOf(body), requeue)));

    public static Step Recover(bool requeue = true) => new("recover", channel => channel.CallAsync(WireMethods.BasicRecover(requeue), 60, 111));

    public static Step TxSelect() => new("tx.select", channel => channel.CallAsync(WireMethods.TxSelect(), 90, 11));

    public static Step Commit() => new("tx.commit", channel => channel.CallAsync(WireMethods.TxCommit(), 90, 21));

    public static Step Rollback() => new("tx.rollback", channel => channel.CallAsync(WireMethods.TxRollback(), 90, 31));

    public static Step Flow(bool active) => new("channel.flow", channel => channel.CallAsync(WireMethods.ChannelFlow(active), 20, 21));

    public static Step CloseChannel() => new("close the channel", channel => channel.Connection.CloseAsync(channel.Number));

    public static Step CloseConnection(char name) => new($"close connection {name}", channel => channel.Stage.CloseConnectionAsync(name));

    public static Step Policy(string name, string applyTo, string definition) =>
        new($"policy {definition} for {name}", channel => channel.Stage.SetPolicyAsync("policies", name, applyTo, definition));

    public static Step OperatorPolicy(string name, string applyTo, string definition) =>
        new($"operator policy {definition} for {name}", channel => channel.Stage.SetPolicyAsync("operator-policies", name, applyTo, definition));

    public static Step ClearPolicy(string name) => new($"clear the policy of {name}", channel => channel.Stage.ClearPolicyAsync("policies", name));

    private static Step Refused(string level, ushort code, string text, Step step) => new($"{step.Text}: refused", async channel =>
    {
        var close = await CloseOfAsync(channel, step);
        var expected = Cut(channel.Stage.Fill(text));
        Assert.True((level, code, expected) == (close.Level, close.Code, close.Text), $"Expected {level}, {code}, {expected}\ngot      {close.Level}, {close.Code}, {close.Text}");
    });

    private static async Task<WireClose> CloseOfAsync(StageChannel channel, Step step)
    {
        try
        {
            await step.RunAsync(channel);
            await channel.TakeAsync(_ => false, "a close");
            throw new InvalidOperationException("Not reached: a close is thrown.");
        }
        catch (ClosedException closed)
        {
            return closed.Close;
        }
    }

    /// <summary>A text that does not fit a short string ends in dots.</summary>
    private static string Cut(string text) => text.Length <= 255 ? text : text[..252] + "...";

    private static async Task<(string Name, uint Messages, uint Consumers)> DeclareAsync(StageChannel channel, string queue, string flags, (string, object?)[] arguments)
    {
        var name = Has(flags, "passive") ? channel.Stage.NameOf(queue) : channel.Stage.NoteQueue(queue);
        var answer = await channel.CallAsync(
            WireMethods.QueueDeclare(name, Has(flags, "passive"), Has(flags, "durable"), Has(flags, "exclusive"), Has(flags, "auto-delete"), channel.Stage.Fill(arguments)), 50, 11);
        var fields = answer.Method.Arguments();
        return (fields.ShortString(), fields.Long(), fields.Long());
    }

    private static Task<StageEvent> GetAsync(StageChannel channel, string queue, bool noAck)
    {
        var get = channel.SendAsync(WireMethods.BasicGet(channel.Stage.NameOf(queue), noAck));
        return AnswerAsync();

        async Task<StageEvent> AnswerAsync()
        {
            await get;
            return await channel.TakeAsync(next => next.Is(71) || next.Is(72), "the answer to get");
        }
    }

    private static void Take(StageChannel channel, StageEvent message, string body, Check[] checks)
    {
        Assert.Equal(body, message.Body);
        channel.Hold(message);
        foreach (var check in checks)
        {
            check.Hold(message);
        }
    }

    private static Task SendAsync(StageChannel channel, string exchange, string key, string body, WireProperties properties, bool mandatory, bool immediate = false) =>
        channel.PublishAsync(
            WireMethods.BasicPublish(exchange, key, mandatory, immediate), Encoding.UTF8.GetBytes(body),
            properties.Headers is null ? properties : properties with { Headers = (IReadOnlyDictionary<string, object?>?)channel.Stage.Fill((object)properties.Headers) });

    private static async Task AnsweredAsync(StageChannel channel, ushort method, ulong through)
    {
        while (true)
        {
            var answer = await channel.TakeAsync(next => next.Is(80) || next.Is(120), "an answer to a publish");
            var tag = answer.Method.Arguments().LongLong();
            Assert.True(answer.Is(method), $"Publish {tag} was {(answer.Is(80) ? "confirmed" : "refused")}.");
            if (tag >= through)
            {
                Assert.Equal(through, tag);
                return;
            }
        }
    }

    /// <summary>Asks again until there is nothing that is not yet as wanted.</summary>
    private static async Task UntilAsync(Func<Task<string?>> ask)
    {
        var end = DateTime.UtcNow + Limit;
        while (await ask() is { } wrong)
        {
            Assert.True(DateTime.UtcNow < end, $"After {Limit}: {wrong}.");
            await Task.Delay(10);
        }
    }

    private static void AssertCount(uint? expected, StageEvent answer)
    {
        if (expected is { } count)
        {
            Assert.Equal(count, answer.Method.Arguments().Long());
        }
    }

    private static bool Has(string flags, string flag) => flags.Split(' ').Contains(flag);

    private static string Words((string Name, object? Value)[] arguments) =>
        string.Join(' ', arguments.Select(argument => string.Create(CultureInfo.InvariantCulture, $"{argument.Name}={argument.Value}")));
}
