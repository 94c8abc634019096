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

    /// <param name="again">Told why, each time before the call is made again.</param>
    /// <param name="patience">Time in which the process stood still does not count: the answer may have come, and nobody could take it.</param>
    /// <exception cref="TimeoutException">There was no answer within <paramref name="patience"/>; the inner exception is that of the last try.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits for the answer any more.</exception>
    public static async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> call, TimeProvider clock, TimeSpan patience, Action<Exception> again, CancellationToken aborted)
    {
        var time = new RunningTime(clock);
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                await OwnThread.Leave();
                var asked = call();
                return asked.IsCompletedSuccessfully ? asked.Result : await AnswerAsync(asked.AsTask(), time, patience, aborted).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is not AmqpException)
            {
                aborted.ThrowIfCancellationRequested();
                time.Look();
                if (time.Elapsed + pause >= patience)
                {
                    throw new TimeoutException($"There was no answer for {patience}.", exception);
                }

                again(exception);
            }

            await Task.Delay(pause, clock, aborted).ConfigureAwait(false);
            time.Look();
        }
    }

    private static async Task<T> AnswerAsync<T>(Task<T> answer, RunningTime time, TimeSpan patience, CancellationToken aborted)
    {
        var hasStoodStill = false;
        while (!answer.IsCompleted && !hasStoodStill)
        {
            hasStoodStill = await time.WaitForStepAsync(answer, patience, aborted).ConfigureAwait(false);
        }

        if (hasStoodStill)
        {
            // What came meanwhile is about to be read.
            await time.WaitForStepAsync(answer, patience, aborted).ConfigureAwait(false);
        }

        return answer.IsCompleted ? await answer.ConfigureAwait(false) : throw new TimeoutException("It was asked for before the process stood still.");
    }
}
