using System.Net;
using System.Net.Sockets;

namespace Granary.Node;

/// <summary>The port a lone silo listens on, though no other silo ever comes: the runtime takes no port 0, and a fixed one allows one node per machine.</summary>
internal static class SiloPort
{
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
