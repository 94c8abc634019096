namespace Granary.Storage.Tests.Files;

public sealed class FileStoreTests : MessageStoreTests
{
    [Fact]
    public void RandomWalk_OverTinySegments_MatchesTheModel() => WalkOverTinySegments(count: 4);

    [SoakFact]
    public void RandomWalks_ByTheDozenOverTinySegments_MatchTheModel() => WalkOverTinySegments(count: 60);

    [Fact]
    public void RandomWalk_OverQueuesWithFilesOfTheirOwn_MatchesTheModel() => WalkOverOwnFiles(count: 2);

    [SoakFact]
    public void RandomWalks_ByTheDozenOverQueuesWithFilesOfTheirOwn_MatchTheModel() => WalkOverOwnFiles(count: 60);

    /// <summary>What holds for streams is tried with queues, of which messages are settled and written again anywhere.</summary>
    private static void WalkOverOwnFiles(int count)
    {
        var walksWithFiles = 0;
        StoreWalk.Walk(
            () => Task.FromResult(new FileStoreHome(configure: options => options with
            {
                SegmentSize = 20 << 10,
                DeadBytesAllowed = 20 << 10,
                CleaningStep = 3 << 10,
                HasOwnFiles = static _ => true,
                LeastStreamFile = 6 << 10,
                MostStreamFile = 12 << 10,
                StreamBytesInLog = 1 << 10,
            })),
            count,
            home =>
            {
                Assert.Empty(home.Log.Errors);
                Assert.Empty(home.Log.Warnings);
                walksWithFiles += File.ReadAllText(Path.Combine(home.Folder, "format")).StartsWith("granary-store 2\n", StringComparison.Ordinal) ? 1 : 0;
            });
        Assert.True(walksWithFiles > 0);
    }

    private static void WalkOverTinySegments(int count) => StoreWalk.Walk(
        () => Task.FromResult(new FileStoreHome(configure: options => options with { SegmentSize = 20 << 10, DeadBytesAllowed = 20 << 10, CleaningStep = 3 << 10, ReadAtOnce = 2 << 10 })),
        count,
        home =>
        {
            Assert.Empty(home.Log.Errors);
            Assert.Empty(home.Log.Warnings);
        });

    private protected override Task<IStoreHome> NewHomeAsync() => Task.FromResult<IStoreHome>(new FileStoreHome());
}
