using System.Net;

namespace Orleans.Configuration;

/// <summary>Names of the cluster.</summary>
public class ClusterOptions
{
    public const string DefaultClusterId = "default";
    public const string DefaultServiceId = "default";

    public string ClusterId { get; set; } = DefaultClusterId;

    public string ServiceId { get; set; } = DefaultServiceId;
}

/// <summary>Where a silo listens; here it does not, so these are names only.</summary>
public class EndpointOptions
{
    public const int DEFAULT_SILO_PORT = 11111;
    public const int DEFAULT_GATEWAY_PORT = 30000;

    public IPAddress AdvertisedIPAddress { get; set; } = IPAddress.Loopback;

    public int SiloPort { get; set; } = DEFAULT_SILO_PORT;

    public int GatewayPort { get; set; } = DEFAULT_GATEWAY_PORT;

    public IPEndPoint? SiloListeningEndpoint { get; set; }

    public IPEndPoint? GatewayListeningEndpoint { get; set; }
}

/// <summary>The name of a silo.</summary>
public class SiloOptions
{
    public string SiloName { get; set; } = string.Empty;
}

/// <summary>How calls are carried.</summary>
public abstract class MessagingOptions
{
    public TimeSpan ResponseTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public TimeSpan ResponseTimeoutWithDebugger { get; set; } = TimeSpan.FromMinutes(30);

    public bool DropExpiredMessages { get; set; } = true;

    public int MaxMessageBodySize { get; set; } = 100 * 1024 * 1024;

    public int MaxMessageHeaderSize { get; set; } = 10 * 1024 * 1024;
}

/// <summary>How a silo carries calls.</summary>
public class SiloMessagingOptions : MessagingOptions
{
    public TimeSpan SystemResponseTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public TimeSpan ClientDropTimeout { get; set; } = TimeSpan.FromMinutes(1);
}

/// <summary>When idle activations end.</summary>
public class GrainCollectionOptions
{
    public TimeSpan CollectionQuantum { get; set; } = TimeSpan.FromMinutes(1);

    public TimeSpan CollectionAge { get; set; } = TimeSpan.FromMinutes(15);

    public Dictionary<string, TimeSpan> ClassSpecificCollectionAge { get; set; } = [];

    public TimeSpan ActivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public TimeSpan DeactivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    internal TimeSpan AgeOf(Type grainClass)
        => ClassSpecificCollectionAge.TryGetValue(grainClass.FullName!, out var age) ? age : CollectionAge;
}

/// <summary>Settings of <see cref="Storage.MemoryGrainStorage"/>.</summary>
public class MemoryGrainStorageOptions
{
    public int NumStorageGrains { get; set; } = 10;
}
