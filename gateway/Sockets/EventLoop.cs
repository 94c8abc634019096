using System.Collections.Concurrent;
using System.Diagnostics;
using Granary.Core.Storage;
using Granary.Core.Threads;

namespace Granary.Gateway.Sockets;

/// <summary>
/// One thread that hears of what arrives at its connections. What has arrived at several is handled in one round, with all that follows from it on
/// this thread; what is to be sent goes at the end of the round, once for each connection.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private readonly Epoll _epoll = new();
    private readonly ConcurrentDictionary<long, DirectConnection> _connections = new();
    private readonly Gathering _gathering = new(Stopwatch.Frequency);
    private readonly IStoreActivity? _store;
    private readonly Thread _thread;
    private long _lastId;
    private long _received;
    private int _count;
    private volatile bool _isStopping;

    public EventLoop(IStoreActivity? store)
    {
        _store = store;
        _thread = OwnThread.Start("sockets", Run);
    }

    /// <summary>Tells the connection of its socket's events from now on; the id to <see cref="Forget"/> it by.</summary>
    /// <exception cref="IOException">The system watches no more sockets.</exception>
    public long Watch(DirectConnection connection)
    {
        var id = Interlocked.Increment(ref _lastId);
        _connections[id] = connection;
        try
        {
            _epoll.Watch(connection.Socket, id);
        }
        catch
        {
            Forget(id);
            throw;
        }

        return id;
    }

    /// <summary>To be called when the socket is closed, which ends its events.</summary>
    public void Forget(long id) => _connections.TryRemove(id, out _);

    /// <summary>Counts what was read from any of its sockets, on any thread.</summary>
    public void NoteReceived(int octets) => Interlocked.Add(ref _received, octets);

    public void Dispose()
    {
        _isStopping = true;
        _epoll.Wake();
        _thread.Join();
        _epoll.Dispose();
    }

    private void Run()
    {
        while (!_isStopping)
        {
            _count = _epoll.Wait();
            SameThreadContext.Run(static loop => loop.Handle(), this);
            var time = _gathering.TimeToSleep(Stopwatch.GetTimestamp(), Volatile.Read(ref _received), _store?.Flushes ?? 0);
            if (time > TimeSpan.Zero)
            {
                // Nobody waits for the sockets meanwhile: what arrives wakes no thread.
                Epoll.Sleep(time);
            }
        }
    }

    private void Handle()
    {
        for (var i = 0; i < _count; i++)
        {
            var (id, what) = _epoll.Event(i);
            if (_connections.TryGetValue(id, out var connection))
            {
                connection.OnEvents(what);
            }
        }
    }
}
