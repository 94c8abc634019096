using Granary.Gateway.Sockets;

namespace Granary.Gateway.Amqp;

/// <summary>Why the socket of a connection is not read.</summary>
internal enum HoldReason
{
    None,

    /// <summary>A method is waited for.</summary>
    Operation,

    /// <summary>There is too much on its way, or too little room.</summary>
    Limits,
}

/// <summary>
/// What may be made of a client's silence while its socket is not read, and whether it has left meanwhile. The reason is set by the read loop and may be
/// read by anybody; the questions are the ticker's.
/// </summary>
/// <param name="peer">What is known of the client while its socket is not read; null if nothing is.</param>
/// <param name="patience">How long what a client had sent before it left is waited for.</param>
internal sealed class SocketHold(IPeerSigns? peer, TimeProvider clock, TimeSpan patience)
{
    // A method that is still waited for then is given up.
    private static readonly TimeSpan PatienceWithOperation = TimeSpan.FromSeconds(1);

    private volatile HoldReason _reason;
    private long? _leftAt;

    public HoldReason Reason
    {
        get => _reason;
        set => _reason = value;
    }

    /// <summary>The client's silence says nothing while it may be the broker's doing.</summary>
    public bool ExcusesSilence => _reason switch
    {
        HoldReason.Operation => peer is null || peer.TakeHeard() || peer.MayBeStuck,
        HoldReason.Limits => true,
        _ => false,
    };

    /// <summary>Whoever is not read is not heard to leave either. True when the client has left, and what it had sent before was waited for long enough.</summary>
    public bool HasClientLeft()
    {
        if (_reason == HoldReason.None || peer is not { HasLeft: true })
        {
            _leftAt = null;
            return false;
        }

        var now = clock.GetTimestamp();
        _leftAt ??= now;
        return clock.GetElapsedTime(_leftAt.Value, now) >= (_reason == HoldReason.Operation ? PatienceWithOperation : patience);
    }
}
