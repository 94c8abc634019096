using Granary.Gateway.Access;

namespace Granary.Gateway.Management.Frame;

/// <summary>Which vhosts there are, and which of them a user sees: a monitor all, others those that they have a permission in.</summary>
internal sealed class VhostNames(AccessCalls access)
{
    /// <param name="isForChange">Something in a vhost is to be made: RabbitMQ then has other words for a vhost that is not there.</param>
    public async ValueTask<SeenVhosts> OfAsync(ApiUser user, bool isForChange)
    {
        var there = await access.ListVhostsAsync().ConfigureAwait(false);
        var names = there.Select(vhost => vhost.Name).Order(StringComparer.Ordinal);
        if (user.IsMonitor)
        {
            return new SeenVhosts([.. names], [], isForChange);
        }

        if (user.Token is { } token)
        {
            return new SeenVhosts([.. names.Where(token.Admits)], [.. names.Where(name => !token.Admits(name))], isForChange);
        }

        var permitted = (await access.ListPermissionsAsync().ConfigureAwait(false)).Where(permission => permission.User == user.Name)
            .Select(permission => permission.Vhost).ToHashSet(StringComparer.Ordinal);
        return new SeenVhosts([.. names.Where(permitted.Contains)], [.. names.Where(name => !permitted.Contains(name))], isForChange);
    }
}

/// <summary>The vhosts that a user sees.</summary>
/// <param name="hidden">Those that are there besides.</param>
/// <param name="isForChange">Something is to be made in one of them.</param>
internal sealed class SeenVhosts(IReadOnlyList<string> names, IReadOnlyList<string> hidden, bool isForChange)
{
    private readonly HashSet<string> _seen = new(names, StringComparer.Ordinal);

    public IReadOnlyList<string> Names => names;

    public bool Has(string vhost) => _seen.Contains(vhost);

    /// <exception cref="ApiException">404: there is no such vhost; 401: it is not the user's.</exception>
    public string Require(string vhost) => _seen.Contains(vhost) ? vhost
        : hidden.Contains(vhost) ? throw ApiException.NotAuthorised("User not authorised to access virtual host")
        : throw (isForChange ? ApiException.NoVhost() : ApiException.NotFound());
}
