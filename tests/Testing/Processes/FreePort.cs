using System.Net;
using System.Net.Sockets;

namespace Granary.Testing.Processes;

/// <summary>
/// Picks loopback ports for processes that cannot be told to take port 0 and report it. They are below those that the system gives to outgoing
/// connections (Linux: from 32768 on), of which a busy machine would take one before the process has it.
/// </summary>
public static class FreePort
{
    private const int First = 20_000;
    private const int End = 32_000;

    /// <summary>Takes <paramref name="count"/> different ports that nobody listens on at this moment.</summary>
    public static int[] Take(int count)
    {
        // All are held until the last is known, so that none comes twice.
        var listeners = new List<TcpListener>(count);
        try
        {
            while (listeners.Count < count)
            {
                var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(First, End));
                try
                {
                    listener.Start();
                    listeners.Add(listener);
                }
                catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
                {
                    // Somebody else's; the next number is as good.
                    listener.Dispose();
                }
            }

            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }
}
