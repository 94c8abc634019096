namespace Granary.Core.Figures;

/// <summary>A number that a part of this process tells of itself alone, and that only its port for metrics tells.</summary>
/// <param name="Name">Without a prefix, in Prometheus' form.</param>
/// <param name="IsCounter">It only rises.</param>
public sealed record ProcessMetric(string Name, bool IsCounter, string Help, double Value)
{
    /// <summary>RabbitMQ's name for those that are asked for together, <c>family=</c>.</summary>
    public string Group { get; init; } = "node_metrics";

    /// <summary>RabbitMQ has it, too, by that name.</summary>
    public bool IsRabbitMqs { get; init; }

    /// <summary>It is no number but a histogram; <see cref="Value"/> has no meaning.</summary>
    public Distribution? Distribution { get; init; }

    /// <summary>Of each of its samples.</summary>
    public IReadOnlyList<(string Name, string Value)> Labels { get; init; } = [];

    public static ProcessMetric Histogram(string name, string help, Distribution distribution) => new(name, IsCounter: false, help, 0) { Distribution = distribution };
}

/// <summary>A part of this process that has numbers of its own.</summary>
public interface IMetricSource
{
    /// <summary>As they are now.</summary>
    IEnumerable<ProcessMetric> Metrics { get; }
}
