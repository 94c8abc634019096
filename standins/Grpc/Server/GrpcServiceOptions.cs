namespace Grpc.AspNetCore.Server;

/// <summary>Limits of all services of a host.</summary>
public class GrpcServiceOptions
{
    /// <summary>Bytes; null for no limit, which is the default.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Bytes; null for no limit, 4 MiB by default.</summary>
    public int? MaxReceiveMessageSize { get; set; } = 4 * 1024 * 1024;

    /// <summary>Tells clients what exception a handler threw.</summary>
    public bool? EnableDetailedErrors { get; set; }

    /// <summary>Leaves calls of services that are not mapped to the rest of the host, instead of answering UNIMPLEMENTED.</summary>
    public bool? IgnoreUnknownServices { get; set; }
}
