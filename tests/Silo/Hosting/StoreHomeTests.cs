using Granary.Core.Alarms;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Hosting;

/// <summary>The store and the scratch log beside it, of which either may be out of reach.</summary>
public sealed class StoreHomeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly RecordingStore _store = new();
    private readonly RecordingStore _scratch = new();
    private readonly PublisherAlarms _alarms = new();

    [Theory]
    [InlineData(true, "the store is out of reach")]
    [InlineData(false, "the scratch log is out of reach")]
    public async Task Alarm_OneOfTwoIsBack_StaysForTheOther(bool scratchIsBack, string reason)
    {
        var services = new ServiceCollection().AddSingleton<IMessageStore>(_store).AddKeyedSingleton<IMessageStore>(PublisherAlarm.Scratch, _scratch);
        await using var provider = services.BuildServiceProvider();
        await using var home = new StoreHome(
            new StoreOptions(StoreKind.Memory), _alarms, TimeProvider.System, NullLogger<GroupCommit>.Instance, provider);
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

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
