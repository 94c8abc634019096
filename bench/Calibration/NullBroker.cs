using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Granary.Bench.Calibration;

/// <summary>A broker in name only, which neither stores nor routes: a publish is a count under its routing key, a delivery is made up.</summary>
internal sealed class NullBroker : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<string, NullQueue> _queues = new();

    public NullBroker(int port)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listener.Listen(512);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Takes connections until disposed, each on a thread of its own.</summary>
    public void Serve()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = _listener.Accept();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // Disposed: the one way to end a blocking accept.
                return;
            }

            socket.NoDelay = true;
            new Thread(() => new NullBrokerConnection(socket, this).Run()) { IsBackground = true }.Start();
        }
    }

    public NullQueue Queue(string name) => _queues.GetOrAdd(name, _ => new NullQueue());

    public void Delete(string name) => _queues.TryRemove(name, out _);

    public void Dispose() => _listener.Dispose();
}

/// <summary>How many messages a queue was given, and what the last one began with.</summary>
internal sealed class NullQueue
{
    private readonly SemaphoreSlim _arrived = new(0);
    private long _published;
    private long _taken;
    private long _stamp;

    /// <summary>The first 8 bytes of the latest body: a latency measured with it is right when messages come one by one.</summary>
    public long Stamp => Volatile.Read(ref _stamp);

    public int Size { get; private set; }

    public void Add(int count, int size, long stamp)
    {
        Size = size;
        Volatile.Write(ref _stamp, stamp);
        Interlocked.Add(ref _published, count);
        if (_arrived.CurrentCount == 0)
        {
            _arrived.Release();
        }
    }

    /// <summary>Takes up to so many messages for one consumer; 0 when there are none.</summary>
    public int Take(int most)
    {
        while (true)
        {
            var taken = Volatile.Read(ref _taken);
            var count = (int)Math.Min(Volatile.Read(ref _published) - taken, most);
            if (count == 0 || Interlocked.CompareExchange(ref _taken, taken + count, taken) == taken)
            {
                return count;
            }
        }
    }

    public void WaitForMore(TimeSpan timeout) => _arrived.Wait(timeout);
}
