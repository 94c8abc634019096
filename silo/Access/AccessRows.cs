using System.Text.Json;
using Granary.Core.Access;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Access;

/// <summary>The row that <see cref="AccessGrain"/> keeps its state in. It is named as when there were only users.</summary>
internal static class AccessRows
{
    public const string Table = "accounts";

    public static readonly RowKey Key = new(Table, "all");

    /// <summary>Makes the first user, and the first vhost, if there is to be one, in a store that never had any. Of several processes that do so at once one succeeds, and the others go on.</summary>
    /// <exception cref="StoreUnavailableException">The store is out of reach.</exception>
    public static async Task CreateAsync(GroupCommit commit, Func<Account?> first, FirstVhost vhost, CancellationToken cancellation)
    {
        if (await commit.Store.ReadRowAsync(Key, cancellation).ConfigureAwait(false) is not null)
        {
            return;
        }

        var value = JsonSerializer.SerializeToUtf8Bytes(AccessState.Of(first(), vhost), DefinitionsJson.Default.AccessState);
        try
        {
            await commit.WriteAsync(new RowChange(Key, value, Expected: 0)).WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (RowConflictException)
        {
            // Another silo was faster: its user is the first one.
        }
    }

    /// <summary>Whether somebody may log in from elsewhere than this machine.</summary>
    public static bool AdmitsOthers(Row? row) =>
        row is not null && JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.AccessState)!.All.Any(account => !account.IsForLoopback);
}
