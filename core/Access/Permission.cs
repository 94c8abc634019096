namespace Granary.Core.Access;

/// <summary>What a user may do with the names in a vhost: three patterns (<see cref="NamePattern"/>). Without one the user may not even enter.</summary>
[GenerateSerializer, Immutable, Alias("granary.Permission")]
public sealed record Permission(
    [property: Id(0)] string User, [property: Id(1)] string Vhost, [property: Id(2)] string Configure, [property: Id(3)] string Write, [property: Id(4)] string Read)
{
    /// <summary>Everything.</summary>
    public static Permission Full(string user, string vhost) => new(user, vhost, ".*", ".*", ".*");
}

/// <summary>
/// With which routing keys a user may publish to a topic exchange, and bind to it. Without one all are allowed that the <see cref="Permission"/> allows.
/// <c>{username}</c> and <c>{vhost}</c> in the patterns are the user's own.
/// </summary>
[GenerateSerializer, Immutable, Alias("granary.TopicPermission")]
public sealed record TopicPermission(
    [property: Id(0)] string User, [property: Id(1)] string Vhost, [property: Id(2)] string Exchange, [property: Id(3)] string Write, [property: Id(4)] string Read);

/// <summary>What a permission may allow.</summary>
public enum Right : byte
{
    Configure,
    Write,
    Read,
}
