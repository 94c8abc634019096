namespace Granary.Crash;

/// <summary>A few damaged folders with a fixed seed; crash.sh --damages tries more.</summary>
public sealed class DamageTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public async Task Broker_LogDamagedAfterKill_StartsWithWhatIsWholeOrRefuses()
    {
        var report = await new DamageRun(seed: 7, damages: 6, output.WriteLine).RunAsync();

        output.WriteLine(report.ToString());
        Assert.Equal("", report.FaultTexts);
        Assert.True(report is { Cut: > 0, Refused: > 0 }, report.ToString());
    }
}
