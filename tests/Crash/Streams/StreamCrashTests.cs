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

    [Fact]
    public async Task Stream_ThatIsMovedIntoFilesOfItsOwnMeanwhile_HasAllThatWasConfirmedOnceAndInItsPlace()
    {
        var run = new StreamRun(kills: 2, StoreKind.Files, output.WriteLine, bodySize: 20_000);

        Assert.Equal("", await run.RunAsync());
        Assert.True(run is { Confirmed: > 600, Seen: > 200, StreamFiles: > 0 }, $"{run.Confirmed} confirmed, {run.Seen} seen, {run.StreamFiles} files");
    }
}
