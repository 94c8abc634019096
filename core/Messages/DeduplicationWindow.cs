namespace Granary.Core.Messages;

/// <summary>
/// What a queue remembers of messages so that it takes no other like them: the last so many keys, and each for a time. Set by the arguments and policies of the queue, or, where
/// these say nothing, by the arguments of an exchange on the way of a message.
/// </summary>
/// <param name="Size">Keys, 1 to <see cref="LargestSize"/>.</param>
/// <param name="Ttl">In milliseconds; null: for ever, as far as <paramref name="Size"/> allows.</param>
[GenerateSerializer, Immutable, Alias("granary.DeduplicationWindow")]
public sealed record DeduplicationWindow([property: Id(0)] int Size, [property: Id(1)] long? Ttl)
{
    /// <summary>Arguments of queues and exchanges.</summary>
    public const string Argument = "x-message-deduplication", SizeArgument = "x-cache-size", TtlArgument = "x-cache-ttl";

    /// <summary>As many keys take about 60 MB.</summary>
    public const int LargestSize = 1_000_000;

    /// <summary>Where only a time is given it is what counts.</summary>
    public static DeduplicationWindow Of(long? size, long? ttl) => new((int)Math.Clamp(size ?? (ttl is null ? 10_000 : LargestSize), 1, LargestSize), ttl);

    /// <summary>One that is no smaller than either; null if there is none.</summary>
    public static DeduplicationWindow? Widest(DeduplicationWindow? one, DeduplicationWindow? other) =>
        one is null || other is null ? one ?? other : new(Math.Max(one.Size, other.Size), one.Ttl is { } ttl && other.Ttl is { } otherTtl ? Math.Max(ttl, otherTtl) : null);
}
