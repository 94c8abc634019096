using System.Net;
using System.Net.Sockets;

namespace Granary.Testing.Processes;

/// <summary>
/// Picks loopback ports for processes that cannot be told to take port 0 and report it. They are below those that the system gives to outgoing
/// connections (Linux: from 32768 on), of which a busy machine would take one before the process has it.
/// </summary>
public static class FreePort
{
    // What is between here and 32,000 is for scripts (.ci/ports.sh).
    private const int First = 20_000;
    private const int End = 28_000;

    // More than there are processes of tests at any one time.
    private const int Remembered = 2_000;

    private static readonly Lock _lock = new();
    private static readonly Queue<int> _taken = new(Remembered);

    /// <summary>Takes <paramref name="count"/> different ports that nobody listens on at this moment, and that were not taken here lately: whoever took one may not listen yet, or start again.</summary>
    public static int[] Take(int count)
    {
        lock (_lock)
        {
            var ports = TakeFree(count);
            foreach (var port in ports)
            {
                if (_taken.Count == Remembered)
                {
                    _taken.Dequeue();
                }

                _taken.Enqueue(port);
            }

            return ports;
        }
    }

    private static int[] TakeFree(int count)
    {
        // All are held until the last is known, so that none comes twice.
        var listeners = new List<TcpListener>(count);
        try
        {
            while (listeners.Count < count)
            {
                var port = Random.Shared.Next(First, End);
                if (_taken.Contains(port))
                {
                    continue;
                }

                var listener = new TcpListener(IPAddress.Loopback, port);
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
