using Granary.Bench.Amqp;

namespace Granary.Bench.Load;

/// <summary>What to do to the broker: one run.</summary>
internal sealed record LoadOptions
{
    public Endpoint Endpoint { get; init; } = Endpoint.Default;

    public int Producers { get; init; } = 1;

    public int Consumers { get; init; } = 1;

    public int Queues { get; init; } = 1;

    /// <summary>Bytes of body.</summary>
    public int Size { get; init; } = 16;

    public bool Durable { get; init; }

    public bool Persistent { get; init; }

    public string QueueType { get; init; } = "";

    /// <summary>Publishes that may await their confirm, per producer; 0 is without confirms.</summary>
    public int ConfirmWindow { get; init; }

    public int Prefetch { get; init; }

    /// <summary>One acknowledgement per so many deliveries; 0 is no-ack.</summary>
    public int AckBatch { get; init; }

    /// <summary>Messages per second over all producers; 0 is as many as the broker takes.</summary>
    public double Rate { get; init; }

    /// <summary>Messages over all producers; 0 is until <see cref="Duration"/> is over.</summary>
    public long Messages { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>How long latencies are not recorded, from the start.</summary>
    public TimeSpan Warmup { get; init; }

    /// <summary>Empty is the default exchange: the queues' names are the routing keys.</summary>
    public string Exchange { get; init; } = "";

    public string ExchangeType { get; init; } = "";

    public int RoutingKeys { get; init; }

    /// <summary>Bindings, beside those used, that match nothing.</summary>
    public int Bindings { get; init; }

    public bool OnePerPacket { get; init; }

    public bool LateConsumers { get; init; }

    public int IdleConnections { get; init; }

    public int BrokerPid { get; init; }

    /// <summary>How long nothing may move before the run is given up.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    public string Prefix { get; init; } = "bench";

    public bool Keep { get; init; }

    /// <summary>Latencies are taken where the load is below what the broker can do; at full speed they only show the queue's length.</summary>
    public bool MeasuresLatency => Rate > 0 && Consumers > 0;

    /// <summary>Queues that get a copy of each message.</summary>
    public int Copies => ExchangeType is "fanout" or "headers" ? Queues : 1;

    public string QueueName(int queue) => $"{Prefix}{queue}";

    /// <summary>The first reason why this cannot be run, or null.</summary>
    public string? Refusal()
    {
        if (Messages > 0 && Duration > TimeSpan.Zero)
        {
            return "--messages and --duration exclude each other";
        }

        if (MeasuresLatency && Size < sizeof(long))
        {
            return "latency needs 8 bytes of body for a timestamp: raise --size";
        }

        if (Producers + Consumers > 0 && Queues == 0)
        {
            return "--queues 0 leaves producers and consumers nothing to do";
        }

        if (Exchange.Length == 0 && (RoutingKeys > 0 || Bindings > 0))
        {
            return "--routing-keys and --bindings need --exchange or --exchange-type: the default exchange has a key per queue";
        }

        if (LateConsumers && (Producers == 0 || Consumers == 0))
        {
            return "--late-consumers needs producers and consumers";
        }

        if (Endpoint.IsGrpc && IdleConnections > 0)
        {
            return "--idle-connections are AMQP connections";
        }

        return Prefetch is < 0 or > ushort.MaxValue ? "--prefetch is a number from 0 to 65535" : null;
    }
}
