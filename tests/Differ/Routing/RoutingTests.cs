using System.Collections.Concurrent;
using System.Text;
using Granary.Differ.Tests.Brokers;
using Granary.Differ.Tests.Walk;
using Granary.Testing.Wire;

namespace Granary.Differ.Tests.Routing;

/// <summary>Random bindings and messages at both brokers: each message has to reach the same queues. Settings as of <see cref="WalkTests"/>.</summary>
[Collection(BothBrokersCollection.Name)]
public sealed class RoutingTests(BothBrokers brokers)
{
    private const int MessagesPerRound = 60;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [BothBrokersFact]
    public Task Topics_RandomBindings_ReachTheSameQueues() => CompareAsync("topic", random => (BindingKey(random), []), random => (MessageKey(random), []));

    [BothBrokersFact]
    public Task Headers_RandomBindings_ReachTheSameQueues() => CompareAsync("headers", random => ("", BindingArguments(random)), random => ("", Headers(random)));

    private async Task CompareAsync(string type, Func<Random, (string, Fields)> binding, Func<Random, (string, Fields)> message)
    {
        var vhost = $"routing-{type}";
        await Task.WhenAll(brokers.RabbitMq.MakeVhostAsync(vhost), brokers.Granary.MakeVhostAsync(vhost));
        var found = new ConcurrentBag<string>();
        var rounds = WalkSettings.Share(8);
        for (var round = 0; round < rounds; round++)
        {
            var random = new Random(WalkSettings.FirstSeed + round);
            var bindings = Enumerable.Range(0, 24).Select(i => (Queue: $"q{Math.Min(i, 14 + (i % 3))}", Of: binding(random))).ToArray();
            var messages = Enumerable.Range(0, MessagesPerRound).Select(_ => message(random)).ToArray();
            var answers = await Task.WhenAll(RouteAsync(brokers.RabbitMq, vhost, type, bindings, messages), RouteAsync(brokers.Granary, vhost, type, bindings, messages));
            for (var i = 0; i < messages.Length; i++)
            {
                foreach (var queue in answers[0][i].Except(answers[1][i]).Select(queue => (queue, "RabbitMQ")).Concat(answers[1][i].Except(answers[0][i]).Select(queue => (queue, "Granary"))))
                {
                    var of = bindings.Where(one => one.Queue == queue.queue).Select(one => $"'{one.Of.Item1}' {one.Of.Item2}");
                    found.Add($"{type}, only {queue.Item2} routes '{messages[i].Item1}' {messages[i].Item2} by {string.Join(" or ", of)}");
                }
            }
        }

        await Task.WhenAll(brokers.RabbitMq.DeleteVhostAsync(vhost), brokers.Granary.DeleteVhostAsync(vhost));
        WalkSettings.Report(found);
        Assert.True(found.IsEmpty, string.Join('\n', found.Distinct().Take(40)));
    }

    /// <summary>The queues that each message reaches.</summary>
    private static async Task<HashSet<string>[]> RouteAsync(
        BrokerAddress broker, string vhost, string type, (string Queue, (string Key, Fields Arguments) Of)[] bindings, (string Key, Fields Headers)[] messages)
    {
        await using var peer = await Peer.OpenAsync(broker.AmqpPort, vhost);
        await CallAsync(peer, WireMethods.ChannelOpen());
        await CallAsync(peer, WireMethods.ExchangeDeclare("x", type, autoDelete: true));
        var queues = bindings.Select(one => one.Queue).Distinct().ToArray();
        foreach (var queue in queues)
        {
            await CallAsync(peer, WireMethods.QueueDeclare(queue, exclusive: true));
            await CallAsync(peer, WireMethods.BasicConsume(queue, queue, noAck: true));
        }

        foreach (var (queue, (key, arguments)) in bindings)
        {
            await CallAsync(peer, WireMethods.QueueBind(queue, "x", key, arguments));
        }

        var start = peer.Count;
        for (var i = 0; i < messages.Length; i++)
        {
            await PublishAsync(peer, "x", messages[i].Key, $"m{i}", messages[i].Headers);
        }

        // Each queue keeps the order: when this one is there, so is all that came before.
        foreach (var queue in queues)
        {
            await PublishAsync(peer, "", queue, "last", []);
        }

        foreach (var queue in queues)
        {
            Assert.True(
                await peer.WaitAsync(start, happening => happening.Close is not null || (happening.Consumer == queue && happening.Text.EndsWith("\"last\"", StringComparison.Ordinal)), Limit),
                $"{broker.Name} did not deliver.");
        }

        var reached = messages.Select(_ => new HashSet<string>()).ToArray();
        foreach (var delivery in peer.Since(start).Where(happening => happening.IsDelivery))
        {
            var body = delivery.Text[(delivery.Text.LastIndexOf(' ') + 1)..].Trim('"');
            if (body != "last")
            {
                reached[int.Parse(body.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture)].Add(delivery.Consumer!);
            }
        }

        var end = peer.Count;
        await peer.SendMethodAsync(0, WireMethods.ConnectionClose());
        await peer.WaitAsync(end, happening => happening.Is(10, 51), Limit);
        return reached;
    }

    private static async Task CallAsync(Peer peer, byte[] method)
    {
        var start = peer.Count;
        await peer.SendMethodAsync(1, method);
        Assert.True(await peer.WaitAsync(start, happening => !happening.IsDelivery, Limit), "There was no answer.");
        Assert.DoesNotContain(peer.Since(start), happening => happening.Close is not null);
    }

    private static Task PublishAsync(Peer peer, string exchange, string key, string body, Fields headers)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var (flags, properties) = new WireProperties { Headers = headers.Count > 0 ? headers : null }.Write();
        return peer.SendAsync(
        [
            .. new WireFrame(WireFrame.MethodType, 1, WireMethods.BasicPublish(exchange, key)).ToBytes(),
            .. new WireFrame(WireFrame.HeaderType, 1, WireMethods.Header((ulong)bytes.Length, flags, properties)).ToBytes(),
            .. new WireFrame(WireFrame.BodyType, 1, bytes).ToBytes(),
        ]);
    }

    private static string BindingKey(Random random) => Words(random, ["a", "b", "*", "*", "#", "#", "", "a*", "é"]);

    private static string MessageKey(Random random) => Words(random, ["a", "b", "a", "b", "", "*", "#", "é"]);

    private static string Words(Random random, string[] all) => string.Join('.', Enumerable.Range(0, random.Next(0, 7)).Select(_ => all[random.Next(all.Length)]));

    private static Fields BindingArguments(Random random)
    {
        var arguments = Headers(random);
        if (random.Next(4) > 0)
        {
            arguments["x-match"] = new[] { "all", "any", "all-with-x", "any-with-x" }[random.Next(4)];
        }

        return arguments;
    }

    private static Fields Headers(Random random)
    {
        var headers = new Fields();
        foreach (var _ in Enumerable.Range(0, random.Next(0, 4)))
        {
            headers[new[] { "a", "b", "c", "x-d", "X-e", "" }[random.Next(6)]] = Value(random, 1);
        }

        return headers;
    }

    private static object? Value(Random random, int depth) => random.Next(depth > 0 ? 17 : 15) switch
    {
        0 => 1,
        1 => 1L,
        2 => (byte)1,
        3 => (short)1,
        4 => "1",
        5 => "a",
        6 => true,
        7 => false,

        // No whole number: from 3.13 on, and here, an integer never equals a float; in 3.10 the two are the same if their values are (rabbit_exchange_type_headers).
        8 => 1.5,
        9 => 1.5f,
        10 => null,
        11 => "",
        12 => 0,
        13 => new byte[] { (byte)'a' },
        14 => -1,
        15 => new List<object?> { Value(random, 0) },
        _ => new Fields { ["n"] = Value(random, 0) },
    };
}
