using System.Net;
using Granary.Silo.Hosting.Cluster.Certificates;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>A process as a member of a cluster: with others it shares queues and exchanges, and a database that says who the members are.</summary>
/// <param name="Connection">How to reach the database of the membership; every member's is the same.</param>
/// <param name="ClusterId">Members of one cluster have the same; several clusters may share a database server, not a database.</param>
/// <param name="Bind">The address that its silo listens on.</param>
/// <param name="Advertise">The address at which other members reach its silo; the one that it listens on unless told.</param>
/// <param name="SiloPort">The port of its silo, for other members alone.</param>
/// <param name="HasQueues">Queues and exchanges may be here. A gateway has none.</param>
/// <param name="Certificates">What members know each other by; null: whoever reaches the port is let in.</param>
public sealed record SiloMember(
    string Connection, string ClusterId, IPAddress Bind, IPAddress Advertise, int SiloPort, bool HasQueues, CertificateFiles? Certificates = null)
{
    /// <summary>Clients connect to it. A silo alone has none.</summary>
    public bool HasClients { get; init; } = true;

    /// <summary>What is wrong with it, for the operator; null: nothing.</summary>
    public string? Refusal()
    {
        if (ClusterId.Length is 0 or > 150)
        {
            return "--cluster-id is 1 to 150 characters long.";
        }

        if (SiloPort == 0)
        {
            return "--silo-port has to be given a port: other members have to know it.";
        }

        return Advertise.Equals(IPAddress.Any) || Advertise.Equals(IPAddress.IPv6Any)
            ? $"Other members cannot reach a silo at {Advertise}: --advertise names the address at which they can."
            : Certificates?.Refusal();
    }
}
