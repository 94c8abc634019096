using Granary.Core.Alarms;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Hosting;

/// <summary>The store and the scratch log beside it, of which either may be out of reach.</summary>
public sealed class StoreHomeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly RecordingStore _store = new();
    private readonly RecordingStore _scratch = new();
    private readonly PublisherAlarms _alarms = new();
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(true, "the store is out of reach")]
    [InlineData(false, "the scratch log is out of reach")]
    public async Task Alarm_OneOfTwoIsBack_StaysForTheOther(bool scratchIsBack, string reason)
    {
        await using var provider = Services();
        await using var home = HomeOf(provider);
        await home.OpenAsync(default);
        _store.IsOutOfReach = _scratch.IsOutOfReach = true;
        var written = home.Commits.Select(commit => commit.WriteAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1 }))).ToArray();
        await UntilAsync(() => _alarms.Reason == "the store is out of reach & the scratch log is out of reach");

        (scratchIsBack ? _scratch : _store).IsOutOfReach = false;
        await Task.WhenAny(written).WaitAsync(Patience);
        await UntilAsync(() => _alarms.Reason == reason);
        Assert.True(_alarms.IsRaised);

        _store.IsOutOfReach = _scratch.IsOutOfReach = false;
        await Task.WhenAll(written).WaitAsync(Patience);
        await _alarms.WaitUntilClearAsync(default).WaitAsync(Patience);
    }

    /// <summary>Publishers are held, and clients go elsewhere; a restart would lose what waits.</summary>
    [Fact]
    public async Task Refusal_OfWhatIsToBeWritten_HoldsPublishersAndIsNotReadyUntilItIsTaken()
    {
        await using var provider = Services();
        await using var home = HomeOf(provider);
        await home.OpenAsync(default);
        _store.IsRefusing = true;
        var written = home.Commit.WriteAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1 }));
        await UntilAsync(() => _alarms.IsRaised);

        Assert.Equal(HealthStatus.Degraded, await AskAsync(new StoreHealth(home)));
        Assert.Equal(HealthStatus.Unhealthy, await AskAsync(new StoreRefusalHealth(home)));
        _store.IsRefusing = false;
        await written.WaitAsync(Patience);
        await _alarms.WaitUntilClearAsync(default).WaitAsync(Patience);
        Assert.Equal(HealthStatus.Healthy, await AskAsync(new StoreHealth(home)));
        Assert.Equal(HealthStatus.Healthy, await AskAsync(new StoreRefusalHealth(home)));
    }

    [Fact]
    public async Task OutOfReach_ForHours_IsNoReasonForARestart()
    {
        await using var provider = Services();
        await using var home = HomeOf(provider);
        await home.OpenAsync(default);
        _store.IsOutOfReach = true;
        var written = home.Commit.WriteAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1 }));
        await UntilAsync(() => _alarms.IsRaised);
        _time.Advance(TimeSpan.FromHours(3));

        Assert.Equal(HealthStatus.Degraded, await AskAsync(new StoreHealth(home)));
        Assert.Equal(HealthStatus.Healthy, await AskAsync(new StoreRefusalHealth(home)));
        _store.IsOutOfReach = false;
        await written.WaitAsync(Patience);
    }

    [Fact]
    public async Task Flush_ThatDoesNotEnd_IsAReasonForARestart()
    {
        await using var provider = Services();
        await using var home = HomeOf(provider);
        await home.OpenAsync(default);
        var held = new TaskCompletionSource();
        _store.Held = held.Task;
        var written = home.Commit.WriteAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1 }));
        await UntilAsync(() => _store.IsHeld);
        Assert.Equal(HealthStatus.Healthy, await AskAsync(new StoreHealth(home)));
        _time.Advance(TimeSpan.FromSeconds(61));

        Assert.Equal(HealthStatus.Unhealthy, await AskAsync(new StoreHealth(home)));
        held.SetResult();
        await written.WaitAsync(Patience);
    }

    private static async Task<HealthStatus> AskAsync(IHealthCheck check) => (await check.CheckHealthAsync(new HealthCheckContext())).Status;

    private ServiceProvider Services() =>
        new ServiceCollection().AddSingleton<IMessageStore>(_store).AddKeyedSingleton<IMessageStore>(PublisherAlarm.Scratch, _scratch).BuildServiceProvider();

    private StoreHome HomeOf(IServiceProvider services) =>
        new(new StoreOptions(StoreKind.Memory), _alarms, _time, NullLogger<GroupCommit>.Instance, services);

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
