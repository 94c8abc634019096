using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>What the silo tells its log.</summary>
internal sealed partial class SiloLog(ILogger logger)
{
    [LoggerMessage(1, LogLevel.Error, "Grain {GrainId} failed to activate.")]
    public partial void ActivationFailed(Exception exception, GrainId grainId);

    [LoggerMessage(2, LogLevel.Error, "Grain {GrainId} failed while it deactivated.")]
    public partial void DeactivationFailed(Exception exception, GrainId grainId);

    [LoggerMessage(3, LogLevel.Warning, "The one-way call {Call} failed.")]
    public partial void OneWayFailed(Exception exception, string call);

    [LoggerMessage(4, LogLevel.Warning, "A timer callback of grain {GrainId} failed.")]
    public partial void TimerFailed(Exception exception, GrainId grainId);
}
