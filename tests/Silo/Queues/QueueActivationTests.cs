using System.Threading.Channels;
using Granary.Core.Grains;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueActivationTests
{
    private const int Leaving = 3008;

    [Fact]
    public async Task Name_WithoutAQueue_LeavesWhenItIsNotAskedForAnyMore()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        for (var i = 0; i < 3; i++)
        {
            await silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", $"missing.{i}")).DescribeAsync(default);
        }

        Assert.Equal(["missing.0", "missing.1", "missing.2"], await log.TakeAsync(Leaving, 3));
    }

    [Fact]
    public async Task Queue_WithLinks_LeavesOnceItIsDeletedAndTheGatewayKnows()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "gone"));
        await queue.DeclareAsync(TestGateway.Declaration(default));
        await using (var link = await GrainLink.OpenAsync(silo.Grains, queue, default))
        {
            await queue.DeleteAsync(default, ifUnused: false, ifEmpty: false);
            _ = await link.Items.ReadAllAsync().LastAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            await link.SayLastAsync();
        }

        Assert.Equal(["gone"], await log.TakeAsync(Leaving, 1));
    }

    /// <summary>The queues that events of some number tell of.</summary>
    private sealed class EventLog : ILoggerProvider, ILogger
    {
        private readonly Channel<(int Event, string Queue)> _events = Channel.CreateUnbounded<(int, string)>();

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (state is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                _events.Writer.TryWrite((eventId.Id, $"{values.FirstOrDefault(value => value.Key == "Queue").Value}"));
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
}
