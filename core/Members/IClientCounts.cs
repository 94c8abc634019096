namespace Granary.Core.Members;

/// <summary>How many clients a process has, for limits that hold for all processes together.</summary>
public interface IClientCounts
{
    /// <inheritdoc cref="IMemberService.CountConnectionsAsync"/>
    int CountConnections(string? vhost, string? user);

    /// <inheritdoc cref="IMemberService.CountChannelsAsync"/>
    int CountChannels(string user);
}
