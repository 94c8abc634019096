using Granary.Testing.Wire;

namespace Granary.Differ.Tests.Walk;

/// <summary>One connection to one broker. A task reads all that comes; closes are answered at once, as clients do.</summary>
internal sealed class Peer : IAsyncDisposable
{
    private readonly WireConnection _wire;
    private readonly Lock _gate = new();
    private readonly List<Happening> _happened = [];
    private readonly Dictionary<ushort, Happening> _unfinished = [];
    private readonly HashSet<ushort> _open = [];
    private readonly SemaphoreSlim _sending = new(1);
    private readonly Task _reading;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isOver;

    private Peer(WireConnection wire)
    {
        _wire = wire;
        _reading = ReadAsync();
    }

    /// <summary>The connection has ended, or is about to.</summary>
    public bool IsOver
    {
        get
        {
            lock (_gate)
            {
                return _isOver;
            }
        }
    }

    public static async Task<Peer> OpenAsync(int port, string vhost) => new(await WireConnection.OpenAsync(port, channels: 0, vhost: vhost));

    public bool IsOpen(ushort channel)
    {
        lock (_gate)
        {
            return _open.Contains(channel);
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _happened.Count;
            }
        }
    }

    /// <summary>All that has happened from <paramref name="start"/> on.</summary>
    public Happening[] Since(int start)
    {
        lock (_gate)
        {
            return [.. _happened[start..]];
        }
    }

    public async Task SendAsync(byte[] bytes)
    {
        await _sending.WaitAsync();
        try
        {
            await _wire.SendAsync(bytes);
        }
        catch (IOException)
        {
            // The broker has ended the connection: reading tells how.
        }
        finally
        {
            _sending.Release();
        }
    }

    public Task SendMethodAsync(ushort channel, byte[] method) => SendAsync(new WireFrame(WireFrame.MethodType, channel, method).ToBytes());

    /// <summary>Waits until something that happened from <paramref name="start"/> on is wanted, or the connection is over, or the time is.</summary>
    public async Task<bool> WaitAsync(int start, Func<Happening, bool> isWanted, TimeSpan limit)
    {
        var end = DateTime.UtcNow + limit;
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                for (var i = start; i < _happened.Count; i++)
                {
                    if (isWanted(_happened[i]))
                    {
                        return true;
                    }
                }

                if (_happened.Count > 0 && _happened[^1].IsEnd)
                {
                    return true;
                }

                changed = _changed.Task;
            }

            var left = end - DateTime.UtcNow;
            if (left <= TimeSpan.Zero || await Task.WhenAny(changed, Task.Delay(left)) != changed)
            {
                return false;
            }
        }
    }

    /// <summary>As <see cref="WaitAsync"/>, and takes what was waited for out of what happened.</summary>
    public async Task<bool> TakeAsync(int start, Func<Happening, bool> isWanted, Func<Happening, bool> isEnough, TimeSpan limit)
    {
        var came = await WaitAsync(start, happening => isWanted(happening) || isEnough(happening), limit);
        lock (_gate)
        {
            var place = _happened.FindIndex(start, happening => isWanted(happening));
            if (place >= 0)
            {
                _happened.RemoveAt(place);
            }
        }

        return came;
    }

    public void NoteOpen(ushort channel)
    {
        lock (_gate)
        {
            _open.Add(channel);
        }
    }

    public void NoteClosed(ushort channel)
    {
        lock (_gate)
        {
            _open.Remove(channel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _wire.DisposeAsync();
        await _reading;
        _sending.Dispose();
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            WireFrame? frame;
            try
            {
                frame = await _wire.ReadAsync();
            }
            catch (TimeoutException)
            {
                // It has nothing to say; that is no end.
                continue;
            }
            catch (Exception exception) when (exception is ObjectDisposedException or InvalidDataException)
            {
                frame = null;
            }

            if (frame is null)
            {
                Add(Happening.End(IsOver));
                return;
            }

            if (Take(frame) is { Close: { } close } happening)
            {
                await AnswerAsync(happening, close);
            }
        }
    }

    private async Task AnswerAsync(Happening happening, WireClose close)
    {
        var isChannel = close.Level == "channel";
        await SendMethodAsync(happening.Channel, isChannel ? WireMethods.ChannelCloseOk() : WireMethods.ConnectionCloseOk());
        lock (_gate)
        {
            _open.Remove(happening.Channel);
            _isOver |= !isChannel;
        }

        Add(happening);
    }

    /// <summary>What is to be answered is returned, all else is noted.</summary>
    private Happening? Take(WireFrame frame)
    {
        if (frame.Type == WireFrame.MethodType)
        {
            var next = Happening.Of(frame);
            if (next.Close is not null)
            {
                return next;
            }

            if (next.IsComplete)
            {
                Add(next);
            }
            else
            {
                _unfinished[frame.Channel] = next;
            }
        }
        else if (_unfinished.TryGetValue(frame.Channel, out var unfinished))
        {
            unfinished.Add(frame);
            if (unfinished.IsComplete)
            {
                _unfinished.Remove(frame.Channel);
                Add(unfinished);
            }
        }
        else
        {
            Add(Happening.Stray(frame));
        }

        return null;
    }

    private void Add(Happening happening)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            _happened.Add(happening);
            _isOver |= happening.IsEnd || happening.Is(10, 51);
            (changed, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        changed.SetResult();
    }
}
