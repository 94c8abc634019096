namespace Granary.Storage.Tests.Files;

public sealed class FileStoreTests : MessageStoreTests
{
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public async Task RandomWalk_OverTinySegments_MatchesTheModel(int seed)
    {
        var home = new FileStoreHome(configure: options => options with { SegmentSize = 20 << 10, DeadBytesAllowed = 20 << 10, CleaningStep = 3 << 10 });
        await using var session = new StoreSession(home);
        await session.OpenAsync();
        await new StoreWalk(session, seed).RunAsync(1500);
        Assert.Empty(home.Log.Errors);
        Assert.Empty(home.Log.Warnings);
    }

    [SoakFact]
    public async Task RandomWalk_ManySeedsOverTinySegments_MatchesTheModel()
    {
        for (var seed = 100; seed < 160; seed++)
        {
            await RandomWalk_OverTinySegments_MatchesTheModel(seed);
        }
    }

    private protected override Task<IStoreHome> NewHomeAsync() => Task.FromResult<IStoreHome>(new FileStoreHome());
}
