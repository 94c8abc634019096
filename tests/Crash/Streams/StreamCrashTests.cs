using Granary.Crash.Brokers;

namespace Granary.Crash.Streams;

/// <summary>A few kills of a node under a stream's load.</summary>
public sealed class StreamCrashTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public async Task Stream_OfABrokerThatIsKilled_HasAllThatWasConfirmedOnceAndInItsPlace()
    {
        var run = new StreamRun(kills: 3, StoreKind.Files, output.WriteLine);

        Assert.Equal("", await run.RunAsync());
        Assert.True(run is { Confirmed: > 900, Seen: > 300 }, $"{run.Confirmed} confirmed, {run.Seen} seen");
    }
}
