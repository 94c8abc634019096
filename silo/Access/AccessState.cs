using Granary.Core.Access;

namespace Granary.Silo.Access;

/// <summary>
/// Users, vhosts and permissions as they are stored: in one piece, so that a change is there as a whole or not at all. That they are stored at all says that the first
/// user was made: none ever is again.
/// </summary>
internal sealed class AccessState
{
    /// <summary>The users.</summary>
    public Account[] All { get; set; } = [];

    /// <summary>Null: written before there were vhosts. There is <c>/</c> then, and every user may do everything in it.</summary>
    public Vhost[]? Vhosts { get; set; }

    public Permission[] Permissions { get; set; } = [];

    public TopicPermission[] TopicPermissions { get; set; } = [];

    /// <summary>What the sessions of the management page are signed with. Null: nobody has logged in to the page so far.</summary>
    public byte[]? PageKey { get; set; }

    /// <summary>What a store begins with.</summary>
    /// <param name="first">Null: there are neither users nor vhosts.</param>
    public static AccessState Of(Account? first, FirstVhost vhost) => first is null ? new() { Vhosts = [] } : new()
    {
        All = [first],
        Vhosts = [new Vhost(vhost.Name) { Description = "Default virtual host" }],
        Permissions = [new Permission(first.Name, vhost.Name, vhost.Configure, vhost.Write, vhost.Read)],
    };

    /// <summary>As it is written today.</summary>
    public AccessState Upgraded() => Vhosts is not null ? this : new AccessState
    {
        All = All,
        Vhosts = [new Vhost(Vhost.Standard)],
        Permissions = [.. All.Select(account => Permission.Full(account.Name, Vhost.Standard))],
    };
}
