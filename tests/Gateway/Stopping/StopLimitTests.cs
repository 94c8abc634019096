using Granary.Node.Stopping;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Gateway.Tests.Stopping;

/// <summary>A process that is told to stop does, whoever does not answer.</summary>
public sealed class StopLimitTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new();
    private readonly Application _application = new();
    private readonly List<int> _ends = [];
    private readonly StopLimit _limit;

    public StopLimitTests() => _limit = new StopLimit(_application, _clock, NullLogger<StopLimit>.Instance, _ends.Add);

    [Fact]
    public async Task Process_ThatWasNotToldToStop_GoesOn()
    {
        await _limit.StartAsync(CancellationToken.None);
        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Empty(_ends);
    }

    [Fact]
    public async Task Process_ThatDoesNotStop_EndsWhenItsTimeIsOver()
    {
        await _limit.StartAsync(CancellationToken.None);
        _application.StopApplication();
        _clock.Advance(StopLimit.Time - TimeSpan.FromMilliseconds(1));
        Assert.Empty(_ends);

        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([StopLimit.ExitCode], _ends);
    }

    [Fact]
    public async Task Process_WhoseServicesHaveStopped_MayStillHang()
    {
        await _limit.StartAsync(CancellationToken.None);
        _application.StopApplication();
        await _limit.StopAsync(CancellationToken.None);
        _clock.Advance(StopLimit.Time);
        Assert.Equal([StopLimit.ExitCode], _ends);
    }

    public void Dispose()
    {
        _limit.Dispose();
        _application.Dispose();
    }

    private sealed class Application : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _stopping = new();

        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => _stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => _stopping.Cancel();

        public void Dispose() => _stopping.Dispose();
    }
}
