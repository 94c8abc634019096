using Microsoft.Extensions.Logging;

namespace Granary.Testing.Logs;

/// <summary>Hands what a host in this process logs to <paramref name="take"/>.</summary>
/// <param name="from">The least level that is of interest.</param>
public sealed class LineProvider(Action<LogLine> take, LogLevel from = LogLevel.Warning) : ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(take, from, categoryName);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held; a host says its last words after it has disposed of this.
    }

    private sealed class Logger(Action<LogLine> take, LogLevel from, string category) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => logLevel >= from;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                var text = formatter(state, exception);
                take(new LogLine(DateTimeOffset.Now, logLevel, category, eventId.Id, exception is null ? text : $"{text} {exception}"));
            }
        }
    }
}
