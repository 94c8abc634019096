using Microsoft.Extensions.Time.Testing;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Goes on by steps, each of which ends when who waits has begun to wait again: by then it has done what it had to.</summary>
internal sealed class SteppedTime : FakeTimeProvider, IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _begun = new(0);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        _begun.Release();
        return timer;
    }

    public async Task StepAsync(TimeSpan time)
    {
        // That which the step ends.
        Assert.True(await _begun.WaitAsync(Limit));
        Advance(time);
        Assert.True(await _begun.WaitAsync(Limit));
        _begun.Release();
    }

    public void Dispose() => _begun.Dispose();
}
