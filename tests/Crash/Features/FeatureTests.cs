using Granary.Crash.Brokers;

namespace Granary.Crash.Features;

/// <summary>A short run of each store with a fixed seed; <c>crash.sh --features</c> runs long ones with any.</summary>
public sealed class FeatureTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Broker_KilledWhileQueuesOfEveryKindAreUsed_BreaksNoRuleOfTheirs(bool inPostgres)
    {
        var report = await new FeatureRun(new CrashOptions(Seed: 7, Kills: 2, Store: inPostgres ? StoreKind.Postgres : StoreKind.Files, Between: 1.5), output.WriteLine).RunAsync();

        output.WriteLine(report.ToString());
        Assert.Equal("", report.FaultTexts);
        Assert.Equal(2, report.Kills);
        Assert.True(report.Least > 0, report.ToString());
    }
}
