namespace Granary.Gateway.Access.Tokens;

/// <summary>What a token says, once it is known to be true.</summary>
/// <param name="User">Whom it is of.</param>
/// <param name="Scopes">What is given to the user here, without what they begin with.</param>
/// <param name="Values">Claims that are one text: what <c>{name}</c> in a scope stands for.</param>
internal sealed record VerifiedToken(string User, DateTimeOffset Expires, IReadOnlyList<string> Scopes, IReadOnlyDictionary<string, string> Values)
{
    private const string TagPrefix = "tag:";

    public string[] Tags { get; } = [.. Scopes.Where(static scope => scope.StartsWith(TagPrefix, StringComparison.Ordinal)).Select(static scope => scope[TagPrefix.Length..])];
}
