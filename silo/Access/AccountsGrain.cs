using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Silo.Placement;
using Granary.Silo.Storage.Definitions;
using Orleans.Placement;

namespace Granary.Silo.Access;

/// <inheritdoc cref="IAccountsGrain"/>
[GrainType(GrainReferences.AccountsType)]
[SpreadPlacement]
[Immovable]
internal sealed class AccountsGrain : Grain, IAccountsGrain
{
    private readonly StoredState<AccountsState> _state;

    public AccountsGrain(IGrainContext context, RowGrainStorage storage) =>
        _state = new StoredState<AccountsState>(storage, AccountRows.Table, context.GrainId);

    public override Task OnActivateAsync(CancellationToken cancellationToken) => _state.ReadAsync(cancellationToken);

    public ValueTask<Account?> FindAsync(string name) =>
        ValueTask.FromResult(Array.Find(_state.Value.All, account => string.Equals(account.Name, name, StringComparison.Ordinal)));
}
