using System.Globalization;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Unkind;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues.Walks;

/// <summary>Queues with any combination of arguments against a list. walks.sh has it take long.</summary>
public sealed class WideWalkTests
{
    private const int OfOneWalk = 150;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RandomOperations_WithAnyArguments_LeaveTheQueueAsTheModelSays(bool isOnFiles)
    {
        var operations = Setting("GRANARY_WALK_OPERATIONS") is { } asked ? asked / 2 : 6_000;
        var seed = Setting("GRANARY_WALK_SEED") ?? TestSeed.OfThisRun ?? Random.Shared.Next(int.MaxValue / 2);
        var folder = Directory.CreateTempSubdirectory("granary-walk-");
        try
        {
            for (var done = 0; done < operations; done += OfOneWalk, seed++)
            {
                await RunAsync(seed, isOnFiles ? Path.Combine(folder.FullName, "store") : null);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task RunAsync(int seed, string? folder)
    {
        IMessageStore store = folder is null ? new FakeStore() : new FileStore(new FileStoreOptions(folder), NullLogger<FileStore>.Instance);
        await store.OpenAsync(CancellationToken.None);
        await using (var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, static _ => { }))
        {
            await new WideWalk(seed, commit).RunAsync(OfOneWalk);
        }

        await store.DisposeAsync();
    }

    private static int? Setting(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
