using Granary.Core.Links;

namespace Granary.Silo.Snapshots;

/// <summary>
/// The activation before this one, if it went with its silo. Of those who hold what it told them this one knows nothing: they have noticed a lease after that, and go by
/// it no more.
/// </summary>
/// <param name="losses">Null: there is one process, and nobody that could be lost without it.</param>
/// <param name="lease">For how long somebody may go by what a lost activation said.</param>
internal sealed class LostPredecessor(SiloLosses? losses, IDepartures? departures, TimeSpan lease, TimeProvider time)
{
    // A silo is told of a loss some time after others were.
    private static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(10);

    private readonly long _began = time.GetTimestamp();
    private Task<bool>? _look;

    /// <summary>As far as is stored there was nothing that it could have told: a new name waits for losses that are known, but looks for no others.</summary>
    public void HadNothing() => _look = Task.FromResult(false);

    /// <summary>Completes when nobody goes by what it said.</summary>
    public async Task IsForgottenAsync(CancellationToken cancellation = default)
    {
        if (losses is null)
        {
            return;
        }

        var sinceBegan = time.GetElapsedTime(_began);
        var left = TimeSpan.Zero;
        if (departures is not null && sinceBegan < lease && await (_look ??= departures.LookAsync()).WaitAsync(cancellation))
        {
            // It ended before this one began.
            left = lease - time.GetElapsedTime(_began);
        }

        if (losses.Last is { } last && time.GetElapsedTime(_began, last) < NoticedWithin)
        {
            var leftOfLoss = lease - time.GetElapsedTime(last);
            left = left < leftOfLoss ? leftOfLoss : left;
        }

        if (left > TimeSpan.Zero)
        {
            await Task.Delay(left, time, cancellation);
        }
    }
}
