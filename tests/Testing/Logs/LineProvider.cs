using Microsoft.Extensions.Logging;

namespace Granary.Testing.Logs;

/// <summary>Hands what a host in this process logs, from Warning up, to <paramref name="take"/>.</summary>
public sealed class LineProvider(Action<LogLine> take) : ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(take, categoryName);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held; a host says its last words after it has disposed of this.
    }

    private sealed class Logger(Action<LogLine> take, string category) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

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
