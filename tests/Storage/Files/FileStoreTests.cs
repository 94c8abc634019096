namespace Granary.Storage.Tests.Files;

public sealed class FileStoreTests : MessageStoreTests
{
    private protected override Task<IStoreHome> NewHomeAsync() => Task.FromResult<IStoreHome>(new FileStoreHome());
}
