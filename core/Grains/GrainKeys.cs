namespace Granary.Core.Grains;

/// <summary>
/// Keys of queue and exchange grains: the vhost percent-encoded, <c>/</c>, then the name as it is (<c>%2F/orders</c>).
/// The first slash is therefore always the separator.
/// </summary>
public static class GrainKeys
{
    public static string For(string vhost, string name) => string.Concat(Uri.EscapeDataString(vhost), "/", name);

    public static (string Vhost, string Name) Parse(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return slash < 0
            ? throw new FormatException($"'{key}' is not a grain key of the form vhost/name.")
            : (Uri.UnescapeDataString(key[..slash]), key[(slash + 1)..]);
    }
}
