using Granary.Core.Access;

namespace Granary.Silo.Access;

/// <summary>The account that a new store begins with, where one was configured.</summary>
public sealed record FirstAccount(Account Account);
