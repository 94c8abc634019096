namespace Granary.Crash.Transfers;

/// <summary>A short run with a fixed seed; crash.sh runs long ones with any.</summary>
public sealed class TransferTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public async Task Broker_KilledUnderTransfersBetweenQueues_HasEachTokenOnce()
    {
        var report = await new TransferRun(seed: 3, kills: 2, Brokers.StoreKind.Files, between: 0.6, output.WriteLine).RunAsync();

        output.WriteLine(report.ToString());
        Assert.Equal("", report.Fault);
        Assert.True(report.Commits > 20, report.ToString());
    }
}
