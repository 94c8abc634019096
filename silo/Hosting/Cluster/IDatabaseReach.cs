namespace Granary.Silo.Hosting.Cluster;

/// <summary>The way from this process to the cluster's database.</summary>
internal interface IDatabaseReach
{
    /// <summary>Whether the database answers, whatever it says, within a second.</summary>
    Task<bool> LookAsync();
}
