using System.Net;
using Granary.Gateway.Amqp.Proxy;

namespace Granary.Gateway.Hosting;

/// <summary>Where the gateway listens, and what it allows its clients.</summary>
public sealed record GatewayOptions
{
    /// <summary>The address of all listeners.</summary>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>0 to 65535; 0 picks a free one, here and below.</summary>
    public int AmqpPort { get; init; } = 5672;

    /// <summary>Where AMQP is spoken behind a header of the PROXY protocol; null: nowhere.</summary>
    public int? ProxyPort { get; init; }

    /// <summary>Who may connect to <see cref="ProxyPort"/>.</summary>
    public ProxyNetworks? ProxyNetworks { get; init; }

    /// <summary>gRPC over HTTP/2 without TLS.</summary>
    public int GrpcPort { get; init; } = 50051;

    /// <summary>Management and health, over HTTP.</summary>
    public int HttpPort { get; init; } = 15672;

    /// <summary>Metrics, and health once more, over HTTP.</summary>
    public int MetricsPort { get; init; } = 15692;

    /// <summary>The share of its memory that the process may use before publishers are held, 0 to 1; RabbitMQ's <c>vm_memory_high_watermark</c>.</summary>
    public double MemoryWatermark { get; init; } = 0.6;

    /// <summary>How long a client may leave what it is sent untouched before its connection is cut; zero for ever.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Why it cannot listen like this, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal() => (ProxyPort, ProxyNetworks) switch
    {
        (not null, null) => "--proxy-port needs --proxy-networks: the networks or addresses of the proxies, such as 10.0.0.0/8,192.168.1.5. Whoever reaches the port from there can say that he is any client.",
        (null, not null) => "--proxy-networks says whom --proxy-port is for, and there is no --proxy-port.",
        _ => null,
    };
}
