using System.Net;

namespace Granary.Gateway.Hosting;

/// <summary>Where the gateway listens, and what it allows its clients.</summary>
public sealed record GatewayOptions
{
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    public int AmqpPort { get; init; } = 5672;

    public int GrpcPort { get; init; } = 50051;

    public int HttpPort { get; init; } = 15672;

    public int MetricsPort { get; init; } = 15692;

    /// <summary>The share of its memory that the process may use before publishers are held, 0 to 1; RabbitMQ's <c>vm_memory_high_watermark</c>.</summary>
    public double MemoryWatermark { get; init; } = 0.6;

    /// <summary>How long a client may leave what it is sent untouched before its connection is cut; zero for ever.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
