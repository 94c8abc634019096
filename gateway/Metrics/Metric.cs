namespace Granary.Gateway.Metrics;

/// <summary>One number that each thing of a kind has.</summary>
/// <param name="Group">RabbitMQ's name for those that are asked for together, <c>family=</c>.</param>
/// <param name="Name">Without the prefix.</param>
/// <param name="IsCounter">It only rises.</param>
internal sealed record Metric<T>(string Group, string Name, bool IsCounter, string Help, Func<T, double> Value)
{
    /// <summary>RabbitMQ does not have it.</summary>
    public bool IsOwn { get; init; }

    /// <summary>Of many things together the largest is told, not the sum.</summary>
    public bool IsLargest { get; init; }

    public string Type => IsCounter ? "counter" : "gauge";
}
