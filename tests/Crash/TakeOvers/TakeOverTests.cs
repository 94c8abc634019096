namespace Granary.Crash.TakeOvers;

/// <summary>A few take-overs with a fixed seed; crash.sh --takeovers does more.</summary>
public sealed class TakeOverTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public async Task Queue_TakenFromAStoppedNode_IsServedInTimeAndLosesNothingConfirmed()
    {
        var report = await new TakeOverRun(seed: 7, takeOvers: 2, output.WriteLine).RunAsync();

        output.WriteLine(report.ToString());
        Assert.Equal("", report.FaultTexts);
        Assert.Equal(2, report.TakeOvers.Count);
        Assert.Contains(report.TakeOvers, round => round.IsInFlush);
    }
}
