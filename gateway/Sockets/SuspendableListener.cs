using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Sockets;

/// <summary>A listener that can be without its socket for a while. Suspended and resumed by one at a time.</summary>
internal sealed class SuspendableListener : IConnectionListener
{
    private readonly IConnectionListenerFactory _factory;
    private readonly Lock _gate = new();

    // Those that were suspended are kept: connections that came from one may live on what it has.
    private readonly List<IConnectionListener> _all = [];
    private IConnectionListener? _current;
    private bool _isUnbound;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SuspendableListener(IConnectionListenerFactory factory, IConnectionListener first)
    {
        (_factory, _current, EndPoint) = (factory, first, first.EndPoint);
        _all.Add(first);
    }

    /// <summary>With the port that was picked, if any was asked for.</summary>
    public EndPoint EndPoint { get; }

    /// <exception cref="AddressInUseException">Another process listens there.</exception>
    public static async Task<SuspendableListener> BindAsync(IConnectionListenerFactory factory, IPEndPoint endPoint, CancellationToken cancellation) =>
        new(factory, await factory.BindAsync(endPoint, cancellation).ConfigureAwait(false));

    /// <summary>The next connection, however long it is suspended until then; null when it was unbound.</summary>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            IConnectionListener? current;
            Task changed;
            lock (_gate)
            {
                if (_isUnbound)
                {
                    return null;
                }

                (current, changed) = (_current, _changed.Task);
            }

            if (current is null)
            {
                await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            else if (await current.AcceptAsync(cancellationToken).ConfigureAwait(false) is { } connection)
            {
                return connection;
            }
            else
            {
                // It was unbound, either for good or until it is resumed.
                await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    public async Task SuspendAsync()
    {
        IConnectionListener? suspended;
        lock (_gate)
        {
            suspended = _current;
            _current = null;
            Change();
        }

        if (suspended is not null)
        {
            await suspended.UnbindAsync().ConfigureAwait(false);
        }
    }

    /// <exception cref="IOException">Something else listens there now.</exception>
    public async Task ResumeAsync()
    {
        lock (_gate)
        {
            if (_isUnbound || _current is not null)
            {
                return;
            }
        }

        IConnectionListener resumed;
        try
        {
            resumed = await _factory.BindAsync(AsAsked((IPEndPoint)EndPoint)).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            throw new IOException($"{EndPoint} cannot be listened at: {exception.Message}", exception);
        }

        bool isLate;
        lock (_gate)
        {
            _all.Add(resumed);
            isLate = _isUnbound;
            if (!isLate)
            {
                _current = resumed;
                Change();
            }
        }

        if (isLate)
        {
            await resumed.UnbindAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        IConnectionListener? last;
        lock (_gate)
        {
            _isUnbound = true;
            last = _current;
            _current = null;
            Change();
        }

        if (last is not null)
        {
            await last.UnbindAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        foreach (var listener in _all)
        {
            await listener.DisposeAsync().ConfigureAwait(false);
        }
    }

    // Each transport has addresses of its own.
    private IPEndPoint AsAsked(IPEndPoint bound) => _factory is DirectTransport ? new DirectEndPoint(bound.Address, bound.Port) : bound;

    private void Change()
    {
        var before = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        before.SetResult();
    }
}
