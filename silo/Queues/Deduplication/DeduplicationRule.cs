namespace Granary.Silo.Queues.Deduplication;

/// <summary>What a queue remembers of messages so that it takes no other like them: the last so many keys, and each for a time.</summary>
/// <param name="Size">Keys.</param>
/// <param name="Ttl">In milliseconds; null: for ever, as far as <paramref name="Size"/> allows.</param>
internal sealed record DeduplicationRule(int Size, long? Ttl)
{
    /// <summary>As many keys take about 60 MB.</summary>
    public const int LargestSize = 1_000_000;

    /// <summary>Where only a time is given it is what counts.</summary>
    public static DeduplicationRule Of(long? size, long? ttl) => new((int)Math.Clamp(size ?? (ttl is null ? 10_000 : LargestSize), 1, LargestSize), ttl);
}
