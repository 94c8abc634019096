namespace Granary.Gateway.Management.Frame;

/// <summary>Which vhosts there are, and which of them a user sees. Until there are others it is one.</summary>
internal sealed class VhostNames
{
    public const string Standard = "/";

    public IReadOnlyCollection<string> All { get; } = [Standard];

    /// <exception cref="ApiException">404: there is no such vhost.</exception>
    public string Require(string vhost) => All.Contains(vhost) ? vhost : throw ApiException.NotFound();
}
