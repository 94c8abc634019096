namespace Granary.Silo.Snapshots;

/// <summary>Who has left the cluster. Each process hears of that in its own time: a name may be active in this one before it has heard that the member which had it is gone.</summary>
internal interface IDepartures
{
    /// <summary>Completes when every member that had left before the call is noted in <see cref="Core.Links.SiloLosses"/>.</summary>
    /// <returns>Whether some member is leaving, so that what was active there may be active elsewhere already.</returns>
    Task<bool> LookAsync();
}
