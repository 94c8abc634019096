using Granary.Crash.Restarts;

namespace Granary.Crash;

/// <summary>A few starts of a killed node; crash.sh --restarts tries more.</summary>
public sealed class RestartTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public async Task Node_KilledUnderTwentyReturningClients_StartsEachTimeOnItsPortsAndServesThem()
    {
        var report = await new RestartRun(restarts: 10, output.WriteLine).RunAsync();

        output.WriteLine(report.ToString());
        Assert.Equal("", report.FaultTexts);
        Assert.Equal(10, report.Starts.Count);
    }
}
