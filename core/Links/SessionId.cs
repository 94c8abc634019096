namespace Granary.Core.Links;

/// <summary>One connection's dealings with one queue, over however many links. What was published is recognised by it, and a number. Never reused.</summary>
[GenerateSerializer, Immutable, Alias("granary.SessionId")]
public readonly record struct SessionId([property: Id(0)] Guid Value)
{
    public static SessionId New() => new(Guid.NewGuid());
}
