using System.Net;
using System.Net.Sockets;

namespace Granary.Testing.Processes;

/// <summary>Picks loopback ports for processes that cannot be told to take port 0 and report it.</summary>
public static class FreePort
{
    /// <summary>Takes <paramref name="count"/> different ports that nobody listens on at this moment.</summary>
    public static int[] Take(int count)
    {
        // All are held until the last is known, so that none comes twice.
        var listeners = new List<TcpListener>(count);
        try
        {
            for (var i = 0; i < count; i++)
            {
                var listener = new TcpListener(IPAddress.Loopback, 0);
                listeners.Add(listener);
                listener.Start();
            }

            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }
}
