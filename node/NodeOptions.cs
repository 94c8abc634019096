using System.Net;
using System.Text;
using Granary.Core.Configuration;
using Granary.Gateway.Hosting;
using Granary.Node.Configuration;
using Granary.Node.Tracing;
using Granary.Silo.Access;
using Granary.Silo.Hosting;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Hosting.Cluster.Certificates;
using Microsoft.Extensions.Logging;

namespace Granary.Node;

/// <summary>What a node is, and where its things are.</summary>
/// <param name="LocalLinks">Connections reach the queues of this process without calls.</param>
/// <param name="Cluster">What it is in a cluster; null: nothing.</param>
internal sealed record NodeOptions(NodeRole Role, bool LocalLinks, StoreOptions Store, GatewayOptions Gateway, ClusterSettings? Cluster = null)
{
    /// <summary>How long a gateway serves on when it is to stop, unless told: longer than usual load balancers take to notice, and a third of what Kubernetes waits in all.</summary>
    public static readonly TimeSpan DrainOfGateway = TimeSpan.FromSeconds(10);

    private const string ControlSocketName = "control.sock";

    // Of 108 octets the last one ends the text (unix(7)).
    private const int LongestSocketPath = 107;

    /// <summary>How long clients are served after the process was told to stop, while it is not ready any more.</summary>
    public TimeSpan Drain { get; init; } = Role == NodeRole.Gateway ? DrainOfGateway : TimeSpan.Zero;

    /// <summary>The first vhost of a new store, as configured.</summary>
    public FirstVhost FirstVhost { get; init; } = new();

    /// <summary>The first administrator of a new store, as configured.</summary>
    public AdministratorSettings Administrator { get; init; } = AdministratorSettings.None;

    /// <summary>A new store begins without a user and a vhost, for definitions are imported that have them.</summary>
    public bool BringsItsUsers => Gateway.Definitions is not null && !Administrator.IsNamed;

    /// <summary>What tools of RabbitMQ call this node; null: they call it by its machine.</summary>
    public string? Name { get; init; }

    /// <summary>From which level on Granary's events are told.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Where spans go; null: there are none.</summary>
    public TraceSettings? Traces { get; init; }

    /// <summary>Lines of the configuration file that RabbitMQ would do something for.</summary>
    public IReadOnlyList<ConfigurationLine> WithoutEffect { get; init; } = [];

    /// <summary>Why a file that the environment names could not be read; null: none was, or all could.</summary>
    public string? Unreadable { get; init; }

    /// <summary>All settings, and where each is from.</summary>
    public EffectiveSettings Settings { get; init; } = EffectiveSettings.None;

    /// <summary>
    /// Where granaryctl finds a node with files of its own: the folder is this process' alone. Null: elsewhere it is asked over HTTP; so it is where the path is too long for the address of a socket.
    /// </summary>
    public string? ControlSocket => Role != NodeRole.Silo && Store is { Kind: StoreKind.Files, Data: { } data } && Path.Combine(data.FullName, ControlSocketName) is var path
        && Encoding.UTF8.GetByteCount(path) <= LongestSocketPath ? path : null;

    /// <summary>Clients of other machines reach it, so that somebody has to be there who may log in from one.</summary>
    public bool AdmitsOthers => Role != NodeRole.Silo && Gateway.AdmitsOthers;

    /// <summary>As others see it, if it is a member of a cluster: it is when it is told which, and when it is a silo or a gateway alone.</summary>
    public SiloMember? Member => Cluster is { } cluster && (cluster.Id is not null || Role != NodeRole.Both)
        ? new SiloMember(
            Store.Connection ?? "", cluster.Id ?? ClusterSettings.StandardId, Gateway.Bind, cluster.Advertise ?? Gateway.Bind, cluster.SiloPort, Role != NodeRole.Gateway,
            cluster.Certificates.All)
        { HasClients = Role != NodeRole.Silo }
        : null;

    /// <summary>Why it cannot be started like this, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal() => Reason() is { } reason ? Sentence.Shown(reason) : null;

    private string? Reason()
    {
        // Silos import nothing; they go by whether somebody does.
        var definitions = Role == NodeRole.Silo ? null : Gateway.Definitions?.Refusal();
        if ((Unreadable ?? Gateway.Refusal() ?? Store.Refusal() ?? Administrator.Refusal ?? definitions) is { } reason)
        {
            return reason;
        }

        if (Member is not { } member || Cluster is not { } cluster)
        {
            return null;
        }

        if (Store.Kind != StoreKind.Postgres)
        {
            return $"The store '{Store.Kind.ToString().ToLowerInvariant()}' serves one node: a cluster, and a silo or gateway alone, need --store postgres and --connection.";
        }

        return cluster.Certificates.Refusal(cluster.IsInsecure) ?? member.Refusal() ?? (IPAddress.IsLoopback(Gateway.Bind) || cluster.IsInsecure || member.Certificates is not null
            ? null
            : $"The silo would listen on {Gateway.Bind} for whoever knows the cluster's id: its port is remote code. Members that others reach have certificates: "
              + "--silo-certificate, --silo-key and --silo-ca (docs/operations.md, \"Who may join\"). --insecure-cluster starts it without, for networks that nobody else reaches.");
    }
}

/// <param name="Id">The cluster's; null: none, unless the role needs one.</param>
/// <param name="SiloPort">The port for other members.</param>
/// <param name="Advertise">The address at which they reach it; null: where it listens.</param>
/// <param name="IsInsecure">Whoever reaches the silo's port may join.</param>
/// <param name="Certificates">What members know each other by.</param>
internal sealed record ClusterSettings(string? Id, int SiloPort, IPAddress? Advertise, bool IsInsecure, CertificateSettings Certificates)
{
    public const string StandardId = "granary";
}

/// <summary>Files of certificates as they were given: all of them, or none.</summary>
internal sealed record CertificateSettings(string? Certificate, string? Key, string? Authority, string Name)
{
    public CertificateFiles? All => this is { Certificate: { } certificate, Key: { } key, Authority: { } authority } ? new CertificateFiles(certificate, key, authority, Name) : null;

    public string? Refusal(bool isInsecure)
    {
        if (All is null)
        {
            return (Certificate ?? Key ?? Authority) is null ? null : "--silo-certificate, --silo-key and --silo-ca go together: one of them is missing.";
        }

        return isInsecure ? "--insecure-cluster lets in whoever reaches the silo's port, --silo-certificate those with a certificate alone: leave one of them out." : null;
    }
}

internal enum NodeRole
{
    /// <summary>Silo and gateway in one process.</summary>
    Both,

    Silo,

    Gateway,
}
