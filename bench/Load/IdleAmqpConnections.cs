using Granary.Bench.Amqp;

namespace Granary.Bench.Load;

/// <summary>Connections with a channel each, without heartbeats, that are only held open.</summary>
internal sealed class IdleAmqpConnections : IIdleConnections
{
    private const int Parallel = 8;

    private readonly AmqpConnection?[] _connections;

    public IdleAmqpConnections(LoadOptions options, int count)
    {
        _connections = new AmqpConnection?[count];
        try
        {
            System.Threading.Tasks.Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Parallel }, i =>
                _connections[i] = AmqpConnection.Open(options.Endpoint, options.Patience, bufferSize: 4096));
        }
        catch (AggregateException errors)
        {
            Dispose();
            throw errors.InnerExceptions[0];
        }
    }

    public void ThrowIfLost()
    {
        foreach (var connection in _connections)
        {
            if (connection is { Socket.Available: 0 } && !connection.Socket.Poll(0, System.Net.Sockets.SelectMode.SelectRead))
            {
                continue;
            }

            connection?.Reader.Fill();
            while (connection is not null && connection.Reader.TryRead(out var frame))
            {
                frame.ThrowIfClose();
            }
        }
    }

    public void Dispose()
    {
        foreach (var connection in _connections)
        {
            connection?.Dispose();
        }
    }
}
