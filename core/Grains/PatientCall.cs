using Granary.Amqp;
using Granary.Core.Threads;

namespace Granary.Core.Grains;

/// <summary>
/// A call of a grain that is made again when it fails, for the grain may be somewhere else then: whatever the runtime throws says nothing about what was asked for. It
/// may have happened nevertheless, so only what may happen twice is called this way.
/// </summary>
public static class PatientCall
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // A timer is never that late in a process that runs.
    private static readonly TimeSpan Standstill = TimeSpan.FromSeconds(2);

    /// <param name="again">Told why, each time before the call is made again.</param>
    /// <param name="patience">Time in which the process stood still does not count: the answer may have come, and nobody could take it.</param>
    /// <exception cref="TimeoutException">There was no answer within <paramref name="patience"/>; the inner exception is that of the last try.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits for the answer any more.</exception>
    public static async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> call, TimeProvider clock, TimeSpan patience, Action<Exception> again, CancellationToken aborted)
    {
        var began = clock.GetTimestamp();
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var left = patience - clock.GetElapsedTime(began);
            try
            {
                await OwnThread.Leave();
                var asked = call();
                return asked.IsCompletedSuccessfully
                    ? asked.Result
                    : await asked.AsTask().WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, aborted).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is not AmqpException)
            {
                aborted.ThrowIfCancellationRequested();
                var elapsed = clock.GetElapsedTime(began);
                if (elapsed > patience + Standstill)
                {
                    began = clock.GetTimestamp();
                }
                else if (elapsed + pause >= patience)
                {
                    throw new TimeoutException($"There was no answer for {patience}.", exception);
                }

                again(exception);
            }

            await Task.Delay(pause, clock, aborted).ConfigureAwait(false);
        }
    }
}
