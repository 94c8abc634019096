namespace Granary.Gateway.Amqp;

/// <summary>What a connection leaves undone while its gateway cannot say that it is a member of the cluster.</summary>
internal sealed partial class AmqpConnection
{
    // As it was when the present read began.
    private bool _mayRoute;

    /// <summary>Whether a message may be routed now. If not, the frame is to be handled again after the operation that was begun.</summary>
    public bool MayRoute(AmqpChannel channel)
    {
        if (!_mayRoute)
        {
            _mayRoute = true;
            var back = _server.Lease.WaitAsync(Gone);
            Begin(channel, new ValueTask(back));
            return back.IsCompleted;
        }

        return true;
    }

    /// <summary>What queues sent may be handed to the client.</summary>
    public bool MayDeliver => !_server.Lease.IsOver;

    /// <summary>Completes when that is so; no sooner than the connection is closed if it never is.</summary>
    public async Task<bool> WhenMayDeliverAsync()
    {
        await _server.Lease.WaitAsync(Gone).ConfigureAwait(false);
        return MayDeliver;
    }
}
