namespace Granary.Gateway.Hosting;

/// <summary>Has spans made of messages that tell of a trace; who exports them listens to <see cref="SourceName"/>.</summary>
/// <param name="SampleRatio">The share of the messages without a trace for which one is begun, 0 to 1.</param>
public sealed record TracingOptions(double SampleRatio)
{
    /// <summary>The source of the spans.</summary>
    public const string SourceName = "Granary.Messages";
}
