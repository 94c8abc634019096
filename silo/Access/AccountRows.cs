using System.Text.Json;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Access;

/// <summary>The row that <see cref="AccountsGrain"/> keeps its state in.</summary>
internal static class AccountRows
{
    public const string Table = "accounts";

    public static readonly RowKey Key = new(Table, GrainReferences.AccountsKey);

    /// <summary>Makes the first account if the store never had one. Of several processes that do so at once one succeeds, and the others go on.</summary>
    /// <exception cref="StoreUnavailableException">The store is out of reach.</exception>
    public static async Task CreateAsync(GroupCommit commit, Func<Account> first, CancellationToken cancellation)
    {
        if (await commit.Store.ReadRowAsync(Key, cancellation).ConfigureAwait(false) is not null)
        {
            return;
        }

        var value = JsonSerializer.SerializeToUtf8Bytes(new AccountsState { All = [first()] }, DefinitionsJson.Default.AccountsState);
        try
        {
            await commit.WriteAsync(new RowChange(Key, value, Expected: 0)).WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (RowConflictException)
        {
            // Another silo was faster: its account is the first one.
        }
    }

    /// <summary>Whether somebody may log in from elsewhere than this machine.</summary>
    public static bool AdmitsOthers(Row? row) =>
        row is not null && JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.AccountsState)!.All.Any(account => !account.IsForLoopback);
}
