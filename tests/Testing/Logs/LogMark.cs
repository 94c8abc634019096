using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Granary.Testing.Logs;

/// <summary>
/// Has a node log a line that nobody else causes, and waits for it: what it had logged before has arrived by then. A client whose first bytes are not AMQP does
/// it; the node tells what they were.
/// </summary>
/// <param name="amqpPort">On 127.0.0.1.</param>
internal sealed class LogMark(int amqpPort)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _seen = new();
    private volatile string? _awaited;

    /// <summary>To be called with each line of the log.</summary>
    public void Look(string line)
    {
        if (_awaited is { } awaited && line.Contains(awaited, StringComparison.Ordinal))
        {
            _awaited = null;
            _seen.Set();
        }
    }

    /// <summary>Gives up when the node does not take connections any more: then it says nothing either, or a test says why.</summary>
    public void Make()
    {
        lock (_gate)
        {
            _seen.Reset();
            byte[] sent = [0, .. RandomNumberGenerator.GetBytes(7)];
            _awaited = Convert.ToHexString(sent);
            try
            {
                using var client = new TcpClient();
                client.Connect(IPAddress.Loopback, amqpPort);
                client.GetStream().Write(sent);
                _seen.Wait(Patience);
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                _awaited = null;
            }
        }
    }
}
