using Microsoft.Extensions.Logging;

namespace Granary.Core.Logs;

/// <summary>From which level on events are logged. Safe for use by any thread.</summary>
public interface ILogThreshold
{
    LogLevel Level { get; }

    /// <summary>From now on, and until the process ends.</summary>
    void Set(LogLevel level);
}
