using System.Threading.Channels;

namespace Granary.Gateway.Grpc;

/// <summary>Lets one loop sleep until it is told, by whomever, that there may be something to do.</summary>
internal sealed class WakeUp
{
    private readonly Channel<bool> _calls = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    public void Call() => _calls.Writer.TryWrite(true);

    /// <summary>Completes once for any number of calls since the last time.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken) => await _calls.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
}
