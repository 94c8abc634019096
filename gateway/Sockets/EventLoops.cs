using Granary.Core.Storage;

namespace Granary.Gateway.Sockets;

/// <summary>The loops among which connections are shared out: half as many as there are processors, as clients and the store need some, too.</summary>
internal sealed class EventLoops : IDisposable
{
    private readonly EventLoop[] _loops;
    private uint _last;

    /// <param name="store">Of this process, if it has one.</param>
    public EventLoops(IStoreActivity? store)
    {
        _loops = new EventLoop[Math.Max(1, Environment.ProcessorCount / 2)];
        for (var i = 0; i < _loops.Length; i++)
        {
            _loops[i] = new EventLoop(store);
        }
    }

    public EventLoop Next() => _loops[Interlocked.Increment(ref _last) % (uint)_loops.Length];

    public void Dispose()
    {
        foreach (var loop in _loops)
        {
            loop.Dispose();
        }
    }
}
