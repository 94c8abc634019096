using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Conformance;

/// <summary>The broker has closed the channel or the connection that something was expected on.</summary>
internal sealed class ClosedException(WireClose close) : Exception($"It was closed: {close}")
{
    public WireClose Close => close;
}

/// <summary>One connection of a case. What comes on a channel waits there until a step asks for it.</summary>
internal sealed class StageConnection(WireConnection wire) : IAsyncDisposable
{
    private readonly Dictionary<ushort, List<StageEvent>> _inboxes = [];
    private readonly Dictionary<ushort, StageEvent> _unfinished = [];
    private readonly HashSet<ushort> _open = [];

    /// <summary>The broker has closed it.</summary>
    public WireClose? Closed { get; private set; }

    public bool IsOpen(ushort channel) => _open.Contains(channel);

    public async Task OpenAsync(ushort channel)
    {
        _inboxes[channel] = [];
        await wire.SendMethodAsync(channel, WireMethods.ChannelOpen());
        _open.Add(channel);
        await TakeAsync(channel, answer => answer.Method.Is(20, 11), "channel.open-ok");
    }

    public Task SendAsync(ushort channel, byte[] method) => wire.SendMethodAsync(channel, method);

    public Task PublishAsync(ushort channel, byte[] publish, byte[] body, WireProperties properties)
    {
        var (flags, bytes) = properties.Write();
        return wire.PublishAsync(channel, publish, body, flags, bytes);
    }

    /// <summary>The first of that kind, whether it is here or still to come; others stay.</summary>
    /// <exception cref="ClosedException">It cannot come any more.</exception>
    public async Task<StageEvent> TakeAsync(ushort channel, Func<StageEvent, bool> isWanted, string what)
    {
        var inbox = _inboxes[channel];
        for (var i = 0; ; i++)
        {
            while (i == inbox.Count)
            {
                await ReadAsync(what);
            }

            var next = inbox[i];
            if (isWanted(next))
            {
                inbox.RemoveAt(i);
                return next;
            }

            if (WireClose.From(next.Method) is { } close)
            {
                inbox.RemoveAt(i);
                throw new ClosedException(close);
            }
        }
    }

    /// <summary>What is here and of that kind.</summary>
    public StageEvent[] Waiting(ushort channel, Func<StageEvent, bool> isWanted) => [.. _inboxes[channel].Where(isWanted)];

    /// <summary>Ends the channel from here.</summary>
    public async Task CloseAsync(ushort channel)
    {
        await wire.SendMethodAsync(channel, WireMethods.ChannelClose());
        await TakeAsync(channel, answer => answer.Method.Is(20, 41), "channel.close-ok");
        _open.Remove(channel);
    }

    /// <summary>Ends the connection from here, and waits until the broker has.</summary>
    public async Task CloseAsync()
    {
        _inboxes[0] = [];
        await wire.SendMethodAsync(0, WireMethods.ConnectionClose());
        await TakeAsync(0, answer => answer.Method.Is(10, 51), "connection.close-ok");
    }

    public ValueTask DisposeAsync() => wire.DisposeAsync();

    private async Task ReadAsync(string what)
    {
        if (Closed is { } closed)
        {
            throw new ClosedException(closed);
        }

        var frame = await wire.ReadAsync() ?? throw new InvalidDataException($"The broker closed the socket; expected {what}.");
        if (frame.Type != WireFrame.MethodType)
        {
            var unfinished = _unfinished[frame.Channel];
            unfinished.Add(frame);
            Finish(frame.Channel, unfinished);
            return;
        }

        if (WireClose.From(frame) is { } close)
        {
            var isChannel = close.Level == "channel";
            await wire.SendMethodAsync(frame.Channel, isChannel ? WireMethods.ChannelCloseOk() : WireMethods.ConnectionCloseOk());
            _open.Remove(frame.Channel);
            if (!isChannel)
            {
                Closed = close;
                throw new ClosedException(close);
            }
        }

        var next = new StageEvent(frame).Read();
        _unfinished[frame.Channel] = next;
        Finish(frame.Channel, next);
    }

    private void Finish(ushort channel, StageEvent next)
    {
        if (next.IsComplete && _inboxes.TryGetValue(channel, out var inbox))
        {
            inbox.Add(next);
        }
    }
}
