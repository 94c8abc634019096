using Granary.Core.Access;
using Granary.Gateway.Access.Tokens;

namespace Granary.Gateway.Access;

/// <summary>Somebody who has logged in.</summary>
/// <param name="Access">Says what the user may do.</param>
internal sealed record Login(KnownUser User, IAccess Access)
{
    /// <summary>What the user logged in with; null: no token.</summary>
    public TokenAccess? Token => Access as TokenAccess;
}
