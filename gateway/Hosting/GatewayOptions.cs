using System.Net;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Management.Definitions;
using Granary.Gateway.Tls;

namespace Granary.Gateway.Hosting;

/// <summary>Where the gateway listens, and what it allows its clients.</summary>
public sealed record GatewayOptions
{
    /// <summary>The address of all listeners that have none of their own.</summary>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>AMQP 0-9-1 as it is.</summary>
    public ListenPoints Amqp { get; init; } = ListenPoints.At(5672);

    /// <summary>AMQP 0-9-1 in TLS.</summary>
    public ListenPoints AmqpTls { get; init; } = ListenPoints.None;

    /// <summary>Where AMQP is spoken behind a header of the PROXY protocol; null: nowhere.</summary>
    public int? ProxyPort { get; init; }

    /// <summary>Who may connect to <see cref="ProxyPort"/>.</summary>
    public ProxyNetworks? ProxyNetworks { get; init; }

    /// <summary>gRPC over HTTP/2 without TLS.</summary>
    public ListenPoints Grpc { get; init; } = ListenPoints.At(50051);

    /// <summary>gRPC over HTTP/2 in TLS.</summary>
    public ListenPoints GrpcTls { get; init; } = ListenPoints.None;

    /// <summary>Management and health, over HTTP.</summary>
    public ListenPoints Http { get; init; } = ListenPoints.At(15672);

    /// <summary>The same, over HTTPS.</summary>
    public ListenPoints HttpTls { get; init; } = ListenPoints.None;

    /// <summary>Metrics, and health once more, over HTTP.</summary>
    public ListenPoints Metrics { get; init; } = ListenPoints.At(15692);

    /// <summary>The same, over HTTPS.</summary>
    public ListenPoints MetricsTls { get; init; } = ListenPoints.None;

    /// <summary>The path of a Unix socket at which whoever may open it is an administrator; null: there is none.</summary>
    public string? ControlSocket { get; init; }

    /// <summary>What is shown where AMQP and gRPC are spoken in TLS; null: they are not.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>What is shown over HTTPS; null: the same.</summary>
    public TlsOptions? Https { get; init; }

    /// <summary>How clients may log in.</summary>
    public AuthenticationOptions Authentication { get; init; } = new();

    /// <summary>The share of its memory that the process may use before publishers are held, 0 to 1; RabbitMQ's <c>vm_memory_high_watermark</c>.</summary>
    public double MemoryWatermark { get; init; } = 0.6;

    /// <summary>The same in bytes; null: the share holds.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>How long a client of AMQP may take from connecting to connection.open.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The interval that clients of AMQP are offered, in whole seconds up to 65535; zero offers none.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Channels per connection, 1 to 65535.</summary>
    public ushort ChannelMax { get; init; } = 2047;

    /// <summary>Largest frame in bytes, 8 KiB to 16 MiB.</summary>
    public int FrameMax { get; init; } = 131072;

    /// <summary>Largest message body in bytes, up to 512 MiB.</summary>
    public int MaxMessageSize { get; init; } = 16 * 1024 * 1024;

    /// <summary>The cluster's name, as clients are told it.</summary>
    public string ClusterName { get; init; } = "granary";

    /// <summary>How long a client may leave what it is sent untouched before its connection is cut; zero for ever.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What is imported before clients are served; null: nothing.</summary>
    public BootDefinitions? Definitions { get; init; }

    /// <summary>Null: messages are not traced.</summary>
    public TracingOptions? Tracing { get; init; }

    /// <summary>Clients of other machines reach it.</summary>
    public bool AdmitsOthers => new[] { Amqp, AmqpTls, Grpc, GrpcTls, Http, HttpTls }.SelectMany(points => points)
        .Any(point => !IPAddress.IsLoopback(point.At(Bind).Address)) || (ProxyPort is not null && !IPAddress.IsLoopback(Bind));

    /// <summary>How long a delivery may stay unacknowledged before its channel is closed; zero for ever. RabbitMQ's <c>consumer_timeout</c>.</summary>
    public TimeSpan ConsumerTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Why it cannot listen like this, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal() => (ProxyPort, ProxyNetworks) switch
    {
        (not null, null) => "--proxy-port needs --proxy-networks: the networks or addresses of the proxies, such as 10.0.0.0/8,192.168.1.5. Whoever reaches the port from there can say that he is any client.",
        (null, not null) => "--proxy-networks says whom --proxy-port is for, and there is no --proxy-port.",
        _ => TlsRefusal() ?? Authentication.Refusal(Tls is { VerifiesPeers: true } || Https is { VerifiesPeers: true }),
    };

    private string? TlsRefusal() =>
        (Tls is null && AmqpTls.Count + GrpcTls.Count > 0) || ((Https ?? Tls) is null && HttpTls.Count + MetricsTls.Count > 0)
            ? "A port for TLS needs --tls-certificate and --tls-key: the gateway's certificate and its key, in PEM."
            : Tls?.Refusal("--tls") ?? (Https == Tls ? null : Https?.Refusal("--https"));
}
