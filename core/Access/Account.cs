using System.Text;

namespace Granary.Core.Access;

/// <summary>Somebody who may log in.</summary>
/// <param name="Name">The user's, which clients give.</param>
/// <param name="PasswordHash">See <see cref="Access.PasswordHash"/>.</param>
/// <param name="Tags">What the user is beyond a user, such as <c>administrator</c>.</param>
/// <param name="IsForLoopback">May connect over loopback only, as RabbitMQ's <c>loopback_users</c>.</param>
[GenerateSerializer, Immutable, Alias("granary.Account")]
public sealed record Account(
    [property: Id(0)] string Name, [property: Id(1)] string PasswordHash, [property: Id(2)] string[] Tags, [property: Id(3)] bool IsForLoopback)
{
    private const string AdministratorTag = "administrator";

    /// <summary>An administrator who may connect from everywhere.</summary>
    public static Account Administrator(string name, string password) =>
        new(name, Access.PasswordHash.Create(Encoding.UTF8.GetBytes(password)), [AdministratorTag], IsForLoopback: false);

    /// <summary>The account of a store for which no other one was configured when it was made: guest, with the password guest, over loopback only.</summary>
    public static Account Guest() => Administrator("guest", "guest") with { IsForLoopback = true };
}
