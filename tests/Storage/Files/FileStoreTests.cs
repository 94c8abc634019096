namespace Granary.Storage.Tests.Files;

public sealed class FileStoreTests : MessageStoreTests
{
    [Fact]
    public void RandomWalk_OverTinySegments_MatchesTheModel() => WalkOverTinySegments(count: 4);

    [SoakFact]
    public void RandomWalks_ByTheDozenOverTinySegments_MatchTheModel() => WalkOverTinySegments(count: 60);

    private static void WalkOverTinySegments(int count) => StoreWalk.Walk(
        () => Task.FromResult(new FileStoreHome(configure: options => options with { SegmentSize = 20 << 10, DeadBytesAllowed = 20 << 10, CleaningStep = 3 << 10 })),
        count,
        home =>
        {
            Assert.Empty(home.Log.Errors);
            Assert.Empty(home.Log.Warnings);
        });

    private protected override Task<IStoreHome> NewHomeAsync() => Task.FromResult<IStoreHome>(new FileStoreHome());
}
