using System.Text;

namespace Granary.Core.Access;

/// <summary>Somebody who may log in.</summary>
/// <param name="Name">The user's, which clients give.</param>
/// <param name="PasswordHash">See <see cref="Access.PasswordHash"/>; empty: nobody logs in by a password.</param>
/// <param name="Tags">What the user is beyond a user, such as <c>administrator</c>.</param>
/// <param name="IsForLoopback">May connect over loopback only, as RabbitMQ's <c>loopback_users</c>.</param>
[GenerateSerializer, Immutable, Alias("granary.Account")]
public sealed record Account(
    [property: Id(0)] string Name, [property: Id(1)] string PasswordHash, [property: Id(2)] string[] Tags, [property: Id(3)] bool IsForLoopback)
{
    /// <summary>The user that RabbitMQ has for loopback alone, unless it is configured otherwise.</summary>
    public const string GuestName = "guest";

    /// <summary>What the hash was made with.</summary>
    [Id(4)]
    public PasswordHashing Hashing { get; init; }

    [Id(5)]
    public UserLimits Limits { get; init; }

    /// <summary>An administrator who may connect from everywhere.</summary>
    public static Account Administrator(string name, string password) =>
        new(name, Access.PasswordHash.Create(Encoding.UTF8.GetBytes(password)), [KnownUser.AdministratorTag], IsForLoopback: false);

    /// <summary>The account of a store for which no other one was configured when it was made: guest, with the password guest, over loopback only.</summary>
    public static Account Guest() => Administrator(GuestName, GuestName) with { IsForLoopback = true };

    /// <summary>What gateways are told of it: not the hash.</summary>
    public KnownUser ToKnown() => new(Name, Tags, Limits);
}

/// <summary>How much a user may have. Null or below 0: without limit.</summary>
[GenerateSerializer, Immutable, Alias("granary.UserLimits")]
public readonly record struct UserLimits([property: Id(0)] long? MaxConnections, [property: Id(1)] long? MaxChannels);

/// <summary>A user without what is secret.</summary>
[GenerateSerializer, Immutable, Alias("granary.KnownUser")]
public sealed record KnownUser([property: Id(0)] string Name, [property: Id(1)] string[] Tags, [property: Id(2)] UserLimits Limits)
{
    public const string AdministratorTag = "administrator";

    public bool IsAdministrator => Has(AdministratorTag);

    public bool Has(string tag) => Tags.Contains(tag, StringComparer.Ordinal);
}
