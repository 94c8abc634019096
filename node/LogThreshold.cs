using Granary.Core.Logs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Granary.Node;

/// <summary>From which level on Granary's events are logged, and those of libraries; it can be changed while the node runs.</summary>
internal sealed class LogThreshold(LogLevel level) : ILogThreshold, IConfigureOptions<LoggerFilterOptions>, IOptionsChangeTokenSource<LoggerFilterOptions>, IDisposable
{
    // Their Information is about every placement and every request.
    private static readonly string[] Libraries = ["Microsoft", "Orleans", "Polly", "Grpc"];

    private readonly Lock _gate = new();
    private CancellationTokenSource _changed = new();

    public LogLevel Level { get; private set; } = level;

    string IOptionsChangeTokenSource<LoggerFilterOptions>.Name => Microsoft.Extensions.Options.Options.DefaultName;

    /// <summary>Has it decide what is logged.</summary>
    public static void AddTo(ILoggingBuilder logging, LogLevel level)
    {
        var threshold = new LogThreshold(level);
        logging.Services.AddSingleton<ILogThreshold>(_ => threshold);
        logging.Services.AddSingleton<IConfigureOptions<LoggerFilterOptions>>(threshold);
        logging.Services.AddSingleton<IOptionsChangeTokenSource<LoggerFilterOptions>>(threshold);
    }

    public void Set(LogLevel level)
    {
        CancellationTokenSource before;
        lock (_gate)
        {
            Level = level;
            before = _changed;
            _changed = new CancellationTokenSource();
        }

        before.Cancel();
        before.Dispose();
    }

    void IConfigureOptions<LoggerFilterOptions>.Configure(LoggerFilterOptions options)
    {
        options.MinLevel = Level;
        foreach (var library in Libraries)
        {
            options.Rules.Add(new LoggerFilterRule(null, library, Level > LogLevel.Warning ? Level : LogLevel.Warning, null));
        }
    }

    IChangeToken IOptionsChangeTokenSource<LoggerFilterOptions>.GetChangeToken()
    {
        lock (_gate)
        {
            return new CancellationChangeToken(_changed.Token);
        }
    }

    public void Dispose() => _changed.Dispose();
}
