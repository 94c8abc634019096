namespace Granary.Gateway.Sockets;

/// <summary>What went over a socket of Kestrel's own transport; a feature of its connection.</summary>
internal sealed class WatchedTraffic(WatchedInput input, WatchedOutput output)
{
    public SocketTraffic Received => input.Traffic;

    public SocketTraffic Sent => output.Traffic;
}
