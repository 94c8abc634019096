using System.Net;
using System.Net.Sockets;

namespace Granary.StandIns.Tests;

/// <summary>Ports that were free a moment ago, which is all that the real packages allow: they take no port 0.</summary>
internal static class FreePort
{
    public static int Next()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
