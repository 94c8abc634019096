using Granary.Core.Links;

namespace Granary.Silo.Snapshots;

/// <summary>
/// The activation before this one, if it was lost with its silo. Of those who hold what it told them this one knows nothing: they have noticed a lease after the loss,
/// and go by it no more.
/// </summary>
/// <param name="lease">For how long somebody may go by what a lost activation said.</param>
internal sealed class LostPredecessor(SiloLosses? losses, TimeSpan lease, TimeProvider time)
{
    // An activation that follows a lost one may begin before its silo has been told of the loss.
    private static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(10);

    private readonly long _began = time.GetTimestamp();

    /// <summary>Completes when nobody goes by what it said.</summary>
    public Task IsForgottenAsync(CancellationToken cancellation = default) =>
        losses?.Last is { } last && time.GetElapsedTime(_began, last) < NoticedWithin && lease - time.GetElapsedTime(last) is { Ticks: > 0 } left
            ? Task.Delay(left, time, cancellation)
            : Task.CompletedTask;
}
