namespace Granary.Core.Access;

/// <summary>When something is put.</summary>
public enum PutCondition : byte
{
    /// <summary>Whether it is there or not.</summary>
    Always,

    /// <summary>Only if it is not there.</summary>
    IfNew,

    /// <summary>Only if it is there.</summary>
    IfThere,
}

/// <summary>What a user is to be. Null: as it is, and of a new user nothing.</summary>
[GenerateSerializer, Immutable, Alias("granary.UserSettings")]
public sealed record UserSettings([property: Id(0)] string Name)
{
    /// <summary>Empty: nobody logs in by a password.</summary>
    [Id(1)]
    public string? PasswordHash { get; init; }

    /// <summary>What <see cref="PasswordHash"/> was made with.</summary>
    [Id(2)]
    public PasswordHashing Hashing { get; init; }

    [Id(3)]
    public string[]? Tags { get; init; }

    [Id(4)]
    public UserLimits? Limits { get; init; }

    [Id(5)]
    public PutCondition When { get; init; }
}

/// <summary>What a vhost is to be. Null: as it is, and of a new vhost nothing.</summary>
[GenerateSerializer, Immutable, Alias("granary.VhostSettings")]
public sealed record VhostSettings([property: Id(0)] string Name)
{
    [Id(1)]
    public string? Description { get; init; }

    [Id(2)]
    public string[]? Tags { get; init; }

    /// <summary>Empty: classic, as without one.</summary>
    [Id(3)]
    public string? DefaultQueueType { get; init; }

    [Id(4)]
    public VhostLimits? Limits { get; init; }

    [Id(5)]
    public bool? IsProtected { get; init; }

    [Id(6)]
    public PutCondition When { get; init; }

    /// <summary>Who is given all rights in it when it is new.</summary>
    [Id(7)]
    public string? GrantTo { get; init; }

    [Id(8)]
    public bool? IsTraced { get; init; }
}

/// <summary>What became of a change.</summary>
public enum AccessOutcome : byte
{
    /// <summary>It is as it is to be.</summary>
    Changed,

    /// <summary>It was not there before.</summary>
    Created,

    /// <summary>There was nothing to remove.</summary>
    Missing,

    NoSuchUser,

    NoSuchVhost,

    /// <summary>It was to be new and is not.</summary>
    Exists,

    /// <summary>It cannot be; <see cref="AccessAnswer.Reason"/> says why.</summary>
    Invalid,

    /// <summary>The vhost is protected from deletion.</summary>
    Protected,
}

/// <param name="Reason">For people; null where the outcome says all.</param>
[GenerateSerializer, Immutable, Alias("granary.AccessAnswer")]
public readonly record struct AccessAnswer([property: Id(0)] AccessOutcome Outcome, [property: Id(1)] string? Reason = null)
{
    /// <summary>It is as it was asked for.</summary>
    public bool IsDone => Outcome is AccessOutcome.Changed or AccessOutcome.Created;

    public static AccessAnswer Invalid(string reason) => new(AccessOutcome.Invalid, reason);
}
