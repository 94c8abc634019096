using Granary.Core.Access;

namespace Granary.Silo.Access;

/// <summary>The accounts as they are stored. That they are stored at all says that the first one was made: it never is again.</summary>
internal sealed class AccountsState
{
    public Account[] All { get; set; } = [];
}
