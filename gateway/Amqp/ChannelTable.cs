using System.Diagnostics.CodeAnalysis;
using Granary.Amqp;

namespace Granary.Gateway.Amqp;

/// <summary>The open channels of a connection by number. Used under its gate.</summary>
internal sealed class ChannelTable(ushort most)
{
    private readonly Dictionary<ushort, AmqpChannel> _channels = [];

    // Most frames are of the channel that the frame before was of.
    private AmqpChannel? _last;

    public bool TryFind(ushort number, [MaybeNullWhen(false)] out AmqpChannel channel)
    {
        channel = _last;
        if (channel?.Number == number)
        {
            return true;
        }

        if (!_channels.TryGetValue(number, out channel))
        {
            return false;
        }

        _last = channel;
        return true;
    }

    /// <summary>Before a frame may open a channel. Only how many there are counts, as in RabbitMQ: any number may be taken.</summary>
    /// <exception cref="AmqpConnectionException">530: there are as many as were agreed on.</exception>
    public void CheckRoom()
    {
        if (_channels.Count >= most)
        {
            throw new AmqpConnectionException(
                ReplyCode.NotAllowed, $"number of channels opened ({_channels.Count}) has reached the negotiated channel_max ({most})");
        }
    }

    public void Add(AmqpChannel channel) => _channels.Add(channel.Number, channel);

    /// <summary>The channel's number is free again.</summary>
    /// <returns>False: it was free already.</returns>
    public bool Remove(AmqpChannel channel)
    {
        _last = null;
        return _channels.Remove(channel.Number);
    }

    public IReadOnlyCollection<AmqpChannel> All => _channels.Values;

    /// <summary>Lets go of all of them.</summary>
    /// <returns>How many there were.</returns>
    public int ReleaseAll()
    {
        foreach (var channel in _channels.Values)
        {
            channel.Release();
        }

        var count = _channels.Count;
        _channels.Clear();
        _last = null;
        return count;
    }
}
