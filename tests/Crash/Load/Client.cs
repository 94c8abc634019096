using System.Net.Sockets;
using System.Threading.Channels;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Crash.Load;

/// <summary>Connections that do not recover by themselves: the test wants to know when one ends.</summary>
internal static class Client
{
    /// <summary>
    /// A call that begins just when the connection is lost is told by its time limit alone, and so is the closing of its channel and connection after it: the
    /// three together must take less than whoever waits for the clients of a killed node has patience.
    /// </summary>
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);

    public static Task<IConnection> ConnectAsync(int port) => new ConnectionFactory
    {
        HostName = "127.0.0.1",
        Port = port,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
        ContinuationTimeout = CallLimit,
        RequestedConnectionTimeout = CallLimit,
        HandshakeContinuationTimeout = CallLimit,
    }.CreateConnectionAsync();

    /// <summary>What the client library throws when the broker is gone.</summary>
    public static bool IsLoss(Exception exception) => exception is
        AlreadyClosedException or OperationInterruptedException or BrokerUnreachableException or IOException or SocketException
        or ObjectDisposedException or ChannelClosedException or OperationCanceledException or TimeoutException or RabbitMQClientException;
}
