using System.Diagnostics;
using Granary.Bench.Amqp;

namespace Granary.Bench.Load;

/// <summary>Load over AMQP 0-9-1: which queues, exchanges, bindings and keys there are, and who uses which.</summary>
internal sealed class AmqpLoad(LoadOptions options) : ILoadDriver
{
    /// <summary>Questions sent before their answers are read: enough to hide the way, few enough for any socket buffer.</summary>
    private const int Pipelined = 200;

    private int KeyCount => options.RoutingKeys > 0 ? options.RoutingKeys : options.Queues;

    private bool OwnsExchange => options.Exchange.Length > 0 && !options.Exchange.StartsWith("amq.", StringComparison.Ordinal);

    public TimeSpan Prepare()
    {
        using var connection = AmqpConnection.Open(options.Endpoint, options.Patience);
        Delete(connection);
        var durable = options.Durable || options.Persistent;
        if (OwnsExchange)
        {
            connection.Begin(Method.ExchangeDeclare).U16(0).ShortString(options.Exchange).ShortString(options.ExchangeType)
                .U8(durable ? (byte)2 : (byte)0).Table().End();
            connection.Call(Method.ExchangeDeclareOk);
        }

        Each(connection, options.Queues, Method.QueueDeclareOk, queue =>
            connection.Begin(Method.QueueDeclare).U16(0).ShortString(options.QueueName(queue)).U8(durable ? (byte)2 : (byte)0)
                .Table(options.QueueType.Length > 0 ? "x-queue-type" : null, options.QueueType).End());
        var taken = Bind(connection);
        connection.Close();
        return taken;
    }

    public ProducerWorker CreateProducer(int index) => new AmqpProducer(options, index, KeysOf(index));

    public ConsumerWorker CreateConsumer(int index)
    {
        var mine = Share(options.Queues, options.Consumers, index);
        return new AmqpConsumer(options, index, [.. mine.Select(options.QueueName)]);
    }

    public IIdleConnections OpenIdle(int count) => new IdleAmqpConnections(options, count);

    public void Clean()
    {
        using var connection = AmqpConnection.Open(options.Endpoint, options.Patience);
        Delete(connection);
        connection.Close();
    }

    /// <summary>The things that one of several workers takes on: a part of them each, or one each where there are more workers than things.</summary>
    internal static IEnumerable<int> Share(int things, int workers, int worker) =>
        workers >= things
            ? [worker % things]
            : Enumerable.Range(0, things).Where(thing => thing % workers == worker);

    private static string Key(int key) => $"load.{key}.message";

    private TimeSpan Bind(AmqpConnection connection)
    {
        if (options.Exchange.Length == 0)
        {
            return TimeSpan.Zero;
        }

        // Every queue has a binding, and every key has a queue.
        var used = options.Copies > 1 ? options.Queues : Math.Max(KeyCount, options.Queues);
        Each(connection, used, Method.QueueBindOk, i => Bind(connection, i, Key(i)));
        var since = Stopwatch.GetTimestamp();
        Each(connection, options.Bindings, Method.QueueBindOk, i => Bind(connection, i, $"load.unused{i}.*"));
        return options.Bindings > 0 ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;
    }

    private void Bind(AmqpConnection connection, int binding, string key) =>
        connection.Begin(Method.QueueBind).U16(0).ShortString(options.QueueName(binding % options.Queues)).ShortString(options.Exchange)
            .ShortString(key).U8(0).Table().End();

    /// <summary>Deletes what this run, or an earlier one of the same names, left.</summary>
    private void Delete(AmqpConnection connection)
    {
        Each(connection, options.Queues, Method.QueueDeleteOk, queue =>
            connection.Begin(Method.QueueDelete).U16(0).ShortString(options.QueueName(queue)).U8(0).End());
        if (OwnsExchange)
        {
            connection.Begin(Method.ExchangeDelete).U16(0).ShortString(options.Exchange).U8(0).End();
            connection.Call(Method.ExchangeDeleteOk);
        }
    }

    private static void Each(AmqpConnection connection, int count, uint answer, Action<int> write)
    {
        for (var done = 0; done < count;)
        {
            var part = Math.Min(Pipelined, count - done);
            for (var i = 0; i < part; i++)
            {
                write(done + i);
            }

            connection.Flush();
            for (var i = 0; i < part; i++)
            {
                connection.Expect(answer);
            }

            done += part;
        }
    }

    private IReadOnlyList<string> KeysOf(int producer)
    {
        if (options.Exchange.Length == 0)
        {
            return [.. Share(options.Queues, options.Producers, producer).Select(options.QueueName)];
        }

        // Each producer uses all keys, but starts elsewhere.
        var first = (int)((long)producer * KeyCount / options.Producers);
        return [.. Enumerable.Range(first, KeyCount).Select(key => Key(key % KeyCount))];
    }
}
