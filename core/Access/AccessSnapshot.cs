namespace Granary.Core.Access;

/// <summary>One user, vhost, permission or topic permission, the others null: that it is there, or is not (any more).</summary>
[GenerateSerializer, Immutable, Alias("granary.AccessEntry")]
public sealed record AccessEntry
{
    [Id(0)]
    public bool IsRemoved { get; init; }

    [Id(1)]
    public KnownUser? User { get; init; }

    [Id(2)]
    public Vhost? Vhost { get; init; }

    [Id(3)]
    public Permission? Permission { get; init; }

    [Id(4)]
    public TopicPermission? Topic { get; init; }
}

/// <summary>Who may do what, as gateways hold it.</summary>
/// <param name="Epoch">Which run of the grain numbers the changes; numbers of different runs have nothing to do with each other.</param>
/// <param name="Number">Changes from <c>Number + 1</c> on apply to it.</param>
[GenerateSerializer, Immutable, Alias("granary.AccessSnapshot")]
public sealed record AccessSnapshot([property: Id(0)] Guid Epoch, [property: Id(1)] long Number, [property: Id(2)] AccessEntry[] Entries);

/// <summary>Changes, in order, one number each. A repeated delta may hold more changes than the first time.</summary>
/// <param name="After">The number of the change before the first of these.</param>
[GenerateSerializer, Immutable, Alias("granary.AccessDelta")]
public sealed record AccessDelta([property: Id(0)] Guid Epoch, [property: Id(1)] long After, [property: Id(2)] AccessEntry[] Changes)
{
    /// <summary>The number of the last change.</summary>
    public long Number => After + Changes.Length;
}

/// <summary>A gateway that holds who may do what.</summary>
[Alias("granary.IAccessObserver")]
public interface IAccessObserver : IGrainObserver
{
    /// <summary>The answer of who holds nothing (any more): nothing need be sent until it watches again.</summary>
    const long NotHeld = -1;

    /// <summary>
    /// Completes when nothing is allowed by a state before <paramref name="delta"/> any more. Answers with the highest number for which that is so, or
    /// <see cref="NotHeld"/>. Waits for nobody.
    /// </summary>
    [Alias("Apply")]
    Task<long> ApplyAsync(AccessDelta delta);
}

/// <summary>
/// For how long a gateway that does not hear from who keeps the permissions may allow anything by what it holds. Longer than it takes until a silo that is lost, or
/// hangs, has been replaced: publishers are not held for that.
/// </summary>
public static class AccessLease
{
    /// <summary>A change waits this long for a gateway, from the last time it was heard from.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(8);

    /// <summary>A gateway allows nothing by what it holds this long after it sent the last renewal that was answered.</summary>
    public static readonly TimeSpan HolderLimit = TimeSpan.FromSeconds(6);

    public static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(1);
}
