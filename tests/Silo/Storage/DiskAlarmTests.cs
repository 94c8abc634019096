using Granary.Core.Alarms;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Storage;

public sealed class DiskAlarmTests
{
    [Fact]
    public void Check_BelowTheLimit_HoldsPublishersUntilThereIsRoomAgain()
    {
        var alarms = new PublisherAlarms();
        using var alarm = new DiskAlarm(new StoreOptions(StoreKind.Files), new DiskLimit(100), alarms, TimeProvider.System, NullLogger<DiskAlarm>.Instance);

        alarm.Check(free: 100, least: 100);
        Assert.False(alarms.IsRaised);
        alarm.Check(free: 99, least: 100);
        Assert.Equal("low on disk", alarms.Reason);
        alarm.Check(free: 100, least: 100);
        Assert.False(alarms.IsRaised);
    }

    [Fact]
    public async Task Start_FileSystemWithLessThanTheLimit_RaisesTheAlarm()
    {
        var alarms = new PublisherAlarms();
        var options = new StoreOptions(StoreKind.Files, new DirectoryInfo(Path.GetTempPath()));
        using var alarm = new DiskAlarm(options, new DiskLimit(long.MaxValue), alarms, TimeProvider.System, NullLogger<DiskAlarm>.Instance);
        await alarm.StartAsync(CancellationToken.None);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!alarms.IsRaised)
        {
            await Task.Delay(10, patience.Token);
        }

        await alarm.StopAsync(CancellationToken.None);
    }
}
