using Granary.Core.Policies;

namespace Granary.Silo.Policies;

/// <summary>Policies and parameters as they are stored: in one piece, so that a change is there as a whole or not at all.</summary>
internal sealed class PolicyState
{
    public Policy[] Policies { get; set; } = [];

    public Parameter[] Parameters { get; set; } = [];

    /// <summary>Vhosts whose policies changed, and in which queues that nobody uses have not been looked at since.</summary>
    public string[] Unseen { get; set; } = [];
}
