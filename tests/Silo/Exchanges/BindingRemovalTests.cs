using System.Collections.Concurrent;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Exchanges;

public sealed class BindingRemovalTests
{
    private const int Again = 3109, NotRemoved = 3102;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Removal_ThatIsNotAnswered_IsToldToAnOperatorOnlyAfterLongerThanALossTakes()
    {
        await using var silo = await TestSilo.StartAsync(more: silo => silo.AddIncomingGrainCallFilter(call =>
            call.MethodName == nameof(IExchangeGrain.RemoveDestinationAsync) ? throw new TimeoutException("for the test") : call.Invoke()));
        var time = new FakeTimeProvider();
        var began = time.GetTimestamp();
        var log = new Events(() => time.GetElapsedTime(began));
        using var ended = new CancellationTokenSource();
        var debt = new BindingDebt(new Destination(DestinationKind.Queue, "q", Guid.NewGuid()), ["amq.direct"]);

        var settling = new BindingRemoval(silo.Grains, time, log).SettleAsync("/", debt, ended.Token);
        using (var limit = new CancellationTokenSource(Limit))
        {
            while (log.All.All(each => each.Event != NotRemoved))
            {
                // No time passes before the first call has failed, however long that takes.
                time.Advance(log.All.IsEmpty ? TimeSpan.Zero : TimeSpan.FromMilliseconds(100));
                await Task.Delay(1, limit.Token);
            }
        }

        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => settling.WaitAsync(Limit));
        var all = log.All.ToArray();
        Assert.Equal(Again, all[0].Event);
        Assert.All(all, each => Assert.True(each.Event is Again || each.At >= TimeSpan.FromSeconds(10), $"{each}"));
    }

    private sealed class Events(Func<TimeSpan> elapsed) : ILogger<BindingRemoval>
    {
        public ConcurrentQueue<(int Event, TimeSpan At)> All { get; } = [];

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue((eventId.Id, elapsed()));
    }
}
