namespace Granary.Silo.DeadLetters;

/// <summary>
/// The refused messages of one queue that have not been sent on yet (<c>reject-publish-dlx</c>). The queue never had them, so the store cannot keep them: all are
/// in memory, and publishers have to wait for the answer that they were refused. Added to in turns of the queue, taken from by its outbox.
/// </summary>
internal sealed class RefusedDead
{
    private const long MostInMemory = 4 * 1024 * 1024;

    // For what other queues refused, or let die. They wait for no answer before this: two queues whose dead letters go to each other would wait for ever.
    private const long MostOfLetters = 16 * MostInMemory;

    private long _bytes;

    /// <summary>Called on any thread, possibly under a lock, when publishers may be answered: so it may do no more than note it.</summary>
    public Action? Drained { get; set; }

    /// <summary>Those that wait for an answer may have it.</summary>
    public bool IsDrained => Interlocked.Read(ref _bytes) <= MostInMemory / 2;

    /// <summary>Whether there are so many that a publisher has to wait for its answer.</summary>
    /// <param name="isLetter">What was refused is itself a dead letter of some queue.</param>
    public bool IsFull(bool isLetter) => Interlocked.Read(ref _bytes) > (isLetter ? MostOfLetters : MostInMemory);

    public void Add(int bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>They are being sent.</summary>
    public void Remove(int bytes)
    {
        var left = Interlocked.Add(ref _bytes, -bytes);
        if (left <= MostInMemory / 2 && left + bytes > MostInMemory / 2)
        {
            Drained?.Invoke();
        }
    }
}
