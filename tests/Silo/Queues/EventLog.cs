using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Tests.Queues;

/// <summary>The queues and exchanges that events of some number tell of.</summary>
internal sealed class EventLog : ILoggerProvider, ILogger
{
    /// <summary>A turn failed, and ends the activation.</summary>
    public const int TurnFailed = 3007;

    /// <summary>An activation without a queue ends.</summary>
    public const int Leaving = 3008;

    /// <summary>An activation without an exchange ends.</summary>
    public const int ExchangeLeaving = 3106;

    private readonly Channel<(int Event, string Queue)> _events = Channel.CreateUnbounded<(int, string)>();

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is IReadOnlyList<KeyValuePair<string, object?>> values)
        {
            _events.Writer.TryWrite((eventId.Id, $"{values.FirstOrDefault(value => value.Key is "Queue" or "Exchange").Value}"));
        }
    }

    public async Task<string[]> TakeAsync(int number, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var queues = await _events.Reader.ReadAllAsync(limit.Token).Where(logged => logged.Event == number).Select(logged => logged.Queue).Take(count)
            .ToArrayAsync(limit.Token);
        return [.. queues.Order()];
    }

    public void Dispose()
    {
    }
}
