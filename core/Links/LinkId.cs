namespace Granary.Core.Links;

/// <summary>One link: the pair of numbered streams between one connection and one queue. Never reused.</summary>
[GenerateSerializer, Immutable, Alias("granary.LinkId")]
public readonly record struct LinkId([property: Id(0)] Guid Value)
{
    public static LinkId New() => new(Guid.NewGuid());
}
