using System.Diagnostics;
using Google.Protobuf;
using Granary.V1;
using Grpc.Core;

namespace Granary.Bench.Load;

/// <summary>The same load over Granary's gRPC: a publish stream per producer, and a consume stream per queue of a consumer.</summary>
internal sealed class GrpcLoad(LoadOptions options) : ILoadDriver
{
    private const int Parallel = 200;

    private readonly LoadPlan _plan = new(options);

    public TimeSpan Prepare()
    {
        using var connection = new GrpcConnection(options);
        var topology = connection.Topology;
        Delete(connection);
        if (_plan.OwnsExchange)
        {
            var exchange = new DeclareExchangeRequest { Exchange = options.Exchange, Type = options.ExchangeType, Durable = _plan.IsDurable };
            topology.DeclareExchange(exchange, connection.Call);
        }

        Each(options.Queues, queue => topology.DeclareQueueAsync(
            new DeclareQueueRequest { Queue = options.QueueName(queue), Durable = _plan.IsDurable, Arguments = QueueArguments() }, connection.Call));
        Each(_plan.UsedBindings, i => Bind(connection, i, LoadPlan.UsedKey(i)));
        var since = Stopwatch.GetTimestamp();
        Each(_plan.UnusedBindings, i => Bind(connection, i, LoadPlan.UnusedKey(i)));
        return options.Bindings > 0 ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;
    }

    public ProducerWorker CreateProducer(int index) => new GrpcProducer(options, index, _plan);

    public ConsumerWorker CreateConsumer(int index) => new GrpcConsumer(options, index, _plan.QueuesOf(index));

    public IIdleConnections OpenIdle(int count) => throw new InvalidOperationException("idle connections are AMQP's");

    public void Clean()
    {
        using var connection = new GrpcConnection(options);
        Delete(connection);
    }

    private FieldTable? QueueArguments() => options.QueueType.Length == 0 ? null : new FieldTable
    {
        Entries = { new FieldEntry { Name = "x-queue-type", Value = new FieldValue { LongString = ByteString.CopyFromUtf8(options.QueueType) } } },
    };

    private AsyncUnaryCall<BindQueueResponse> Bind(GrpcConnection connection, int binding, string key) => connection.Topology.BindQueueAsync(
        new BindQueueRequest { Queue = _plan.QueueOfBinding(binding), Exchange = options.Exchange, RoutingKey = key }, connection.Call);

    /// <summary>Deletes what this run, or an earlier one of the same names, left.</summary>
    private void Delete(GrpcConnection connection)
    {
        Each(options.Queues, queue => connection.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = options.QueueName(queue) }, connection.Call));
        if (_plan.OwnsExchange)
        {
            connection.Topology.DeleteExchange(new DeleteExchangeRequest { Exchange = options.Exchange }, connection.Call);
        }
    }

    private static void Each<T>(int count, Func<int, AsyncUnaryCall<T>> call)
    {
        foreach (var part in Enumerable.Range(0, count).Chunk(Parallel))
        {
            Task.WhenAll(part.Select(async i => await call(i).ConfigureAwait(false))).GetAwaiter().GetResult();
        }
    }
}
