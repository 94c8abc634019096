namespace Granary.Crash;

/// <summary>A short crash run with a fixed seed; crash.sh runs long ones with any.</summary>
public sealed class CrashTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public async Task Broker_KilledUnderLoad_LosesNothingConfirmed()
    {
        var report = await new CrashRun(new CrashOptions(Seed: 7, Kills: 3, Queues: 6, Between: 1.2, Backlog: 600), output.WriteLine).RunAsync();

        output.WriteLine(report.ToString());
        Assert.Equal("", report.FaultTexts);
        Assert.Equal(3, report.Kills);
        Assert.True(report.Totals is { Confirmed: > 100, Delivered: > 100 }, report.ToString());
    }
}
