using System.Net.Sockets;
using System.Threading.Channels;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Crash.Load;

/// <summary>Connections that do not recover by themselves: the test wants to know when one ends.</summary>
internal static class Client
{
    public static Task<IConnection> ConnectAsync(int port) => new ConnectionFactory
    {
        HostName = "127.0.0.1",
        Port = port,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
        ContinuationTimeout = TimeSpan.FromSeconds(60),
        RequestedConnectionTimeout = TimeSpan.FromSeconds(60),
        HandshakeContinuationTimeout = TimeSpan.FromSeconds(60),
    }.CreateConnectionAsync();

    /// <summary>What the client library throws when the broker is gone.</summary>
    public static bool IsLoss(Exception exception) => exception is
        AlreadyClosedException or OperationInterruptedException or BrokerUnreachableException or IOException or SocketException
        or ObjectDisposedException or ChannelClosedException or OperationCanceledException or TimeoutException or RabbitMQClientException;
}
