using System.Globalization;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Granary.Silo.Storage.Postgres;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Postgres;
using Granary.Testing.Unkind;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues.Walks;

/// <summary>Queues with any combination of arguments against a list. walks.sh has it take long.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class WideWalkTests
{
    private const int OfOneWalk = 150;

    [Theory]
    [InlineData(StoreKind.Memory, 6_000)]
    [InlineData(StoreKind.Files, 6_000)]
    [InlineData(StoreKind.Postgres, 1_500)]
    public async Task RandomOperations_WithAnyArguments_LeaveTheQueueAsTheModelSays(StoreKind kind, int usual)
    {
        var operations = Setting("GRANARY_WALK_OPERATIONS") is { } asked ? asked / 3 : usual;
        var seed = Setting("GRANARY_WALK_SEED") ?? TestSeed.OfThisRun ?? Random.Shared.Next(int.MaxValue / 2);
        var folder = Directory.CreateTempSubdirectory("granary-walk-");
        var database = kind == StoreKind.Postgres ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync() : "";
        try
        {
            for (var done = 0; done < operations; done += OfOneWalk, seed++)
            {
                await RunAsync(seed, NewStore(kind, Path.Combine(folder.FullName, "store"), database));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task RunAsync(int seed, IMessageStore store)
    {
        await store.OpenAsync(CancellationToken.None);
        await using (var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, static _ => { }))
        {
            await new WideWalk(seed, commit).RunAsync(OfOneWalk);
        }

        await store.DisposeAsync();
    }

    internal static IMessageStore NewStore(StoreKind kind, string folder, string database) => kind switch
    {
        StoreKind.Files => new FileStore(new FileStoreOptions(folder), NullLogger<FileStore>.Instance),
        StoreKind.Postgres => new PostgresStore(new PostgresOptions(database), TimeProvider.System, NullLogger<PostgresStore>.Instance),
        _ => new FakeStore(),
    };

    private static int? Setting(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
