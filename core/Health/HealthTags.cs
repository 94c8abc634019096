namespace Granary.Core.Health;

/// <summary>Which question a health check of this process answers.</summary>
public static class HealthTags
{
    /// <summary>Unhealthy means that only a restart of the process can help.</summary>
    public const string Live = "live";

    /// <summary>Unhealthy means that clients should go elsewhere for now.</summary>
    public const string Ready = "ready";
}
