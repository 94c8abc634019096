using Granary.Silo.Storage.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Storage.Tests.Files;

/// <summary>Who may look into the folders of a store.</summary>
public sealed class FolderRightsTests : IDisposable
{
    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ReadByOthers = OwnersAlone | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _root = Directory.CreateTempSubdirectory("granary-rights-").FullName;

    [Theory]
    [InlineData("data", false)]
    [InlineData("data/scratch", true)]
    public async Task Folder_ThatIsNotThere_IsMadeForItsOwnerAlone(string folder, bool isScratch)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        File.SetUnixFileMode(_root, ReadByOthers);
        await OpenAsync(folder, isScratch);

        Assert.Equal(OwnersAlone, File.GetUnixFileMode(Path.Combine(_root, "data")));
        Assert.Equal(OwnersAlone, File.GetUnixFileMode(Path.Combine(_root, folder)));
        Assert.Equal(ReadByOthers, File.GetUnixFileMode(_root));
    }

    [Fact]
    public async Task Folder_ThatIsThere_KeepsItsRights()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Directory.CreateDirectory(Path.Combine(_root, "data"));
        File.SetUnixFileMode(Path.Combine(_root, "data"), ReadByOthers);
        await OpenAsync("data", isScratch: false);

        Assert.Equal(ReadByOthers, File.GetUnixFileMode(Path.Combine(_root, "data")));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private async Task OpenAsync(string folder, bool isScratch)
    {
        await using var store = new FileStore(new FileStoreOptions(Path.Combine(_root, folder)) { Scratch = isScratch, SegmentSize = 64 << 10, Reserve = 4 << 10 }, NullLogger<FileStore>.Instance);
        await store.OpenAsync(CancellationToken.None);
    }
}
