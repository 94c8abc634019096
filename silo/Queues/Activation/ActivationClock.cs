namespace Granary.Silo.Queues.Activation;

/// <summary>The time by which one activation of a queue goes, in Unix milliseconds: it never goes back, though the machine's clock may.</summary>
internal sealed class ActivationClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private readonly DateTimeOffset _startTime = time.GetUtcNow();

    /// <summary>When the activation began.</summary>
    public long StartedAt => _startTime.ToUnixTimeMilliseconds();

    /// <summary>Rounded once, down, as the next activation's is: so what waits over a restart comes no earlier than it should.</summary>
    public long Now => (_startTime + time.GetElapsedTime(_start)).ToUnixTimeMilliseconds();
}
