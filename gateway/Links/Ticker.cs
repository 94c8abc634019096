using Granary.Core.Threads;

namespace Granary.Gateway.Links;

/// <summary>Lets time pass, four times a second, for all that is open. A fault of one does not stop the others' clocks.</summary>
/// <param name="open">All that is open at the time of a tick.</param>
/// <param name="failed">Told of a fault.</param>
internal sealed class Ticker<T>(Func<IEnumerable<T>> open, Action<T> tick, Action<Exception> failed, TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource _stop = new();
    private Task _runs = Task.CompletedTask;

    public void Start() => _runs = RunAsync(_stop.Token);

    public async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _runs.ConfigureAwait(false);
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.NextAsync(stopping).ConfigureAwait(false))
        {
            foreach (var each in open())
            {
                try
                {
                    tick(each);
                }
                catch (Exception exception)
                {
                    failed(exception);
                }
            }
        }
    }
}
