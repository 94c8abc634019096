using Granary.Core.Access;

namespace Granary.Silo.Access;

/// <summary>The account that a new store begins with, where that was configured.</summary>
/// <param name="Account">Null: none, and no vhost either, for both are imported.</param>
public sealed record FirstAccount(Account? Account);

/// <summary>The vhost that a new store begins with, and what its first user may do there: RabbitMQ's <c>default_vhost</c> and <c>default_permissions</c>.</summary>
public sealed record FirstVhost(string Name = Vhost.Standard, string Configure = FirstVhost.All, string Write = FirstVhost.All, string Read = FirstVhost.All)
{
    public const string All = ".*";
}
