using System.Diagnostics;
using Granary.Bench.Amqp;

namespace Granary.Bench.Load;

/// <summary>Load over AMQP 0-9-1: which queues, exchanges, bindings and keys there are, and who uses which.</summary>
internal sealed class AmqpLoad(LoadOptions options) : ILoadDriver
{
    /// <summary>Questions sent before their answers are read: enough to hide the way, few enough for any socket buffer.</summary>
    private const int Pipelined = 200;

    private readonly LoadPlan _plan = new(options);

    public TimeSpan Prepare()
    {
        using var connection = AmqpConnection.Open(options.Endpoint, options.Patience);
        Delete(connection);
        var durable = _plan.IsDurable;
        if (_plan.OwnsExchange)
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

    public ProducerWorker CreateProducer(int index) => new AmqpProducer(options, index, _plan);

    public ConsumerWorker CreateConsumer(int index) => new AmqpConsumer(options, index, _plan.QueuesOf(index));

    public IIdleConnections OpenIdle(int count) => new IdleAmqpConnections(options, count);

    public void Clean()
    {
        using var connection = AmqpConnection.Open(options.Endpoint, options.Patience);
        Delete(connection);
        connection.Close();
    }

    private TimeSpan Bind(AmqpConnection connection)
    {
        Each(connection, _plan.UsedBindings, Method.QueueBindOk, i => Bind(connection, i, LoadPlan.UsedKey(i)));
        var since = Stopwatch.GetTimestamp();
        Each(connection, _plan.UnusedBindings, Method.QueueBindOk, i => Bind(connection, i, LoadPlan.UnusedKey(i)));
        return options.Bindings > 0 ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;
    }

    private void Bind(AmqpConnection connection, int binding, string key) =>
        connection.Begin(Method.QueueBind).U16(0).ShortString(_plan.QueueOfBinding(binding)).ShortString(options.Exchange)
            .ShortString(key).U8(0).Table().End();

    /// <summary>Deletes what this run, or an earlier one of the same names, left.</summary>
    private void Delete(AmqpConnection connection)
    {
        Each(connection, options.Queues, Method.QueueDeleteOk, queue =>
            connection.Begin(Method.QueueDelete).U16(0).ShortString(options.QueueName(queue)).U8(0).End());
        if (_plan.OwnsExchange)
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
}
