using Granary.Core.Access;
using Granary.Core.Members;
using Orleans.CodeGeneration;

namespace Granary.Core.Grains;

/// <summary>Who may log in. There is one, under the key <see cref="GrainReferences.AccountsKey"/>.</summary>
[Alias("granary.IAccountsGrain"), Version(ContractVersion.Current)]
public interface IAccountsGrain : IGrainWithStringKey
{
    /// <summary>Null if there is no such user.</summary>
    [Alias("Find")]
    ValueTask<Account?> FindAsync(string name);
}
