namespace Granary.Core.Members;

/// <summary>
/// The number of what members of a cluster say to each other: the interfaces of grains and observers, and every type that they carry. It is raised by one with each
/// version of Granary that changes any of it, and only ever by what the version before can read: members that are one apart serve together, while a cluster is
/// upgraded one member after the other. What each number stands for is written down in tests/Silo/Contracts, and the rules are in docs/decisions/0021.
/// </summary>
public static class ContractVersion
{
    public const ushort Current = 2;

    private const string Prefix = "contract-";

    /// <summary>A name for a member that the list of members has, before it is one: others tell its version by it. Never used twice.</summary>
    public static string NewMemberName() => $"{Prefix}{Current}-{Guid.NewGuid():n}";

    /// <summary>The version that a member's name tells; null: of none, as before there was any.</summary>
    public static int? Of(string? memberName)
    {
        var rest = memberName is not null && memberName.StartsWith(Prefix, StringComparison.Ordinal) ? memberName.AsSpan(Prefix.Length) : default;
        var end = rest.IndexOf('-');
        return end > 0 && int.TryParse(rest[..end], out var version) ? version : null;
    }

    /// <summary>Whether members of these two versions can serve together.</summary>
    public static bool AreAdjacent(int one, int other) => Math.Abs(one - other) <= 1;
}
