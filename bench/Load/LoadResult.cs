namespace Granary.Bench.Load;

/// <summary>What a run came to; what was not measured is null. Latencies are in microseconds.</summary>
internal sealed record LoadResult
{
    public double Seconds { get; init; }

    public long Published { get; init; }

    public double? PublishedPerS { get; init; }

    public long? Confirmed { get; init; }

    public double? ConfirmedPerS { get; init; }

    public long? Refused { get; init; }

    public long? Consumed { get; init; }

    public double? ConsumedPerS { get; init; }

    /// <summary>Deliveries and confirms that never came.</summary>
    public long Missing { get; init; }

    public long? LatencySamples { get; init; }

    public double? LatencyP50Us { get; init; }

    public double? LatencyP90Us { get; init; }

    public double? LatencyP99Us { get; init; }

    public double? LatencyP999Us { get; init; }

    public double? LatencyMaxUs { get; init; }

    public double? ConfirmP50Us { get; init; }

    public double? ConfirmP90Us { get; init; }

    public double? ConfirmP99Us { get; init; }

    public double? ConfirmP999Us { get; init; }

    public double? ConfirmMaxUs { get; init; }

    public double? BindingsPerS { get; init; }

    public int? IdleConnections { get; init; }

    public double? IdleOpenedPerS { get; init; }

    public double? BrokerCpuS { get; init; }

    /// <summary>Per delivery where there are consumers, else per publish.</summary>
    public double? BrokerCpuUsPerMessage { get; init; }

    public double? BrokerRssMib { get; init; }

    public double? BrokerRssMaxMib { get; init; }

    public double ClientCpuS { get; init; }
}
