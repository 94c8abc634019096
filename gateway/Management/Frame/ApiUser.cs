using Granary.Gateway.Access;
using Granary.Gateway.Access.Tokens;
using Granary.Gateway.Management.Definitions;

namespace Granary.Gateway.Management.Frame;

/// <summary>Who asks, and what the tags allow (RabbitMQ's rabbit_mgmt_util).</summary>
/// <param name="Token">What the user logged in with, if it is a token: it says what the user may do.</param>
/// <param name="IsLocal">Whoever may be the broker's own user on its machine: permissions, which are of users, do not limit him.</param>
internal sealed record ApiUser(string Name, IReadOnlyCollection<string> Tags, bool IsLocal = false, TokenAccess? Token = null)
{
    public bool IsAdministrator => Has("administrator");

    /// <summary>Sees what belongs to others.</summary>
    public bool IsMonitor => IsAdministrator || Has("monitoring");

    /// <summary>May change policies and parameters.</summary>
    public bool IsPolicymaker => IsAdministrator || Has("policymaker");

    /// <summary>May ask anything at all.</summary>
    public bool IsManagement => IsMonitor || IsPolicymaker || Has("management");

    /// <summary>Why the user may not ask for something of that kind, in RabbitMQ's words; null: he may.</summary>
    public string? Refusal(Need need) => need switch
    {
        Need.Administrator when !IsAdministrator => "Not administrator user",
        Need.Monitor when !IsMonitor => "Not monitor user",
        Need.Policymaker when !IsPolicymaker => "Not policymaker user",
        _ when !IsManagement => "Not management user",
        _ => null,
    };

    /// <summary>Says what the user may do to queues and exchanges; null: the broker's own users and permissions do.</summary>
    public IAccess? Access => IsLocal ? EverythingAllowed.Instance : Token;

    private bool Has(string tag) => Tags.Contains(tag);
}

/// <summary>What a user has to be to ask for something.</summary>
internal enum Need
{
    Management,
    Policymaker,
    Monitor,
    Administrator,
}
