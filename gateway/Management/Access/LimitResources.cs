using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Access;

/// <summary>Limits as RabbitMQ names them.</summary>
internal static class LimitsJson
{
    public const string MaxConnections = "max-connections";
    public const string MaxChannels = "max-channels";
    public const string MaxQueues = "max-queues";

    public static Dictionary<string, long> Of(UserLimits limits) => Of((MaxConnections, limits.MaxConnections), (MaxChannels, limits.MaxChannels));

    public static Dictionary<string, long> Of(VhostLimits limits) => Of((MaxConnections, limits.MaxConnections), (MaxQueues, limits.MaxQueues));

    /// <exception cref="ApiException">400: a limit that there is not.</exception>
    public static UserLimits ToUserLimits(IReadOnlyDictionary<string, long> limits)
    {
        Check(limits.Keys, MaxConnections, MaxChannels);
        return new UserLimits(Value(limits, MaxConnections), Value(limits, MaxChannels));
    }

    /// <exception cref="ApiException">400: a limit that there is not.</exception>
    public static VhostLimits ToVhostLimits(IReadOnlyDictionary<string, long> limits)
    {
        Check(limits.Keys, MaxConnections, MaxQueues);
        return new VhostLimits(Value(limits, MaxConnections), Value(limits, MaxQueues));
    }

    private static Dictionary<string, long> Of(params ReadOnlySpan<(string Name, long? Value)> limits)
    {
        var told = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (name, value) in limits)
        {
            if (value is { } set)
            {
                told.Add(name, set);
            }
        }

        return told;
    }

    private static long? Value(IReadOnlyDictionary<string, long> limits, string name) => limits.TryGetValue(name, out var value) ? value : null;

    private static void Check(IEnumerable<string> names, params string[] known)
    {
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw ApiException.BadRequest($"Unrecognised limit '{unknown}': {string.Join(" and ", known)} are known");
        }
    }
}

/// <summary><c>/api/vhost-limits</c> and <c>/api/user-limits</c>.</summary>
internal sealed class LimitResources(AccessCalls access) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/vhost-limits", Need.Management, call => ListOfVhostsAsync(call, call.HeaderVhost));
        routes.Get("/vhost-limits/{vhost}", Need.Management, call => ListOfVhostsAsync(call, call.Vhosts.Require(call.Segments[1])));
        routes.Put("/vhost-limits/{vhost}/{name}", Need.Administrator, PutOfVhostAsync);
        routes.Delete("/vhost-limits/{vhost}/{name}", Need.Administrator, DeleteOfVhostAsync);
        routes.Get("/user-limits", Need.Administrator, call => ListOfUsersAsync(call, null));
        routes.Get("/user-limits/{user}", Need.Management, ListOfUserAsync);
        routes.Put("/user-limits/{user}/{name}", Need.Administrator, PutOfUserAsync);
        routes.Delete("/user-limits/{user}/{name}", Need.Administrator, DeleteOfUserAsync);
    }

    private async Task ListOfVhostsAsync(ApiCall call, string? vhost)
    {
        var limits = (await access.ListVhostsAsync().ConfigureAwait(false)).Where(one => vhost is null ? call.Vhosts.Has(one.Name) : one.Name == vhost)
            .Select(one => new VhostLimitsJson(one.Name, LimitsJson.Of(one.Limits))).Where(one => one.Value.Count > 0);
        await call.ReplyListAsync([.. limits], ApiJson.Default.VhostLimitsJson, static one => one.Vhost).ConfigureAwait(false);
    }

    // Monitors see those of all, others their own (rabbit_mgmt_wm_user_limits).
    private async Task ListOfUserAsync(ApiCall call)
    {
        var user = call.Segments[1];
        call.RequireSeen(user);
        if (await access.FindUserAsync(user).ConfigureAwait(false) is null)
        {
            throw ApiException.NotFound();
        }

        await ListOfUsersAsync(call, user).ConfigureAwait(false);
    }

    private async Task ListOfUsersAsync(ApiCall call, string? user)
    {
        var limits = (await access.ListUsersAsync().ConfigureAwait(false)).Where(one => user is null || one.Name == user)
            .Select(one => new UserLimitsJson(one.Name, LimitsJson.Of(one.Limits))).Where(one => one.Value.Count > 0);
        await call.ReplyListAsync([.. limits], ApiJson.Default.UserLimitsJson, static one => one.User).ConfigureAwait(false);
    }

    private async Task PutOfVhostAsync(ApiCall call) => await SetOfVhostAsync(call, await ValueAsync(call).ConfigureAwait(false)).ConfigureAwait(false);

    private Task DeleteOfVhostAsync(ApiCall call) => SetOfVhostAsync(call, null);

    private async Task SetOfVhostAsync(ApiCall call, long? value)
    {
        var vhost = (await access.ListVhostsAsync().ConfigureAwait(false)).FirstOrDefault(one => one.Name == call.Segments[1]) ?? throw ApiException.NotFound();
        var limits = LimitsJson.ToVhostLimits(Changed(LimitsJson.Of(vhost.Limits), call.Segments[2], value));
        (await access.PutVhostAsync(new VhostSettings(vhost.Name) { Limits = limits, When = PutCondition.IfThere }).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task PutOfUserAsync(ApiCall call) => await SetOfUserAsync(call, await ValueAsync(call).ConfigureAwait(false)).ConfigureAwait(false);

    private Task DeleteOfUserAsync(ApiCall call) => SetOfUserAsync(call, null);

    private async Task SetOfUserAsync(ApiCall call, long? value)
    {
        var user = await access.FindUserAsync(call.Segments[1]).ConfigureAwait(false) ?? throw ApiException.NotFound();
        var limits = LimitsJson.ToUserLimits(Changed(LimitsJson.Of(user.Limits), call.Segments[2], value));
        (await access.PutUserAsync(new UserSettings(user.Name) { Limits = limits, When = PutCondition.IfThere }).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private static async Task<long?> ValueAsync(ApiCall call) =>
        (await call.ReadAsync(ApiJson.Default.LimitRequest).ConfigureAwait(false)).Value ?? throw ApiException.BadRequest("[{key_missing,value}]");

    private static Dictionary<string, long> Changed(Dictionary<string, long> limits, string name, long? value)
    {
        limits.Remove(name);
        if (value is { } set)
        {
            limits[name] = set;
        }

        return limits;
    }
}

internal sealed record VhostLimitsJson(string Vhost, Dictionary<string, long> Value);

internal sealed record UserLimitsJson(string User, Dictionary<string, long> Value);

/// <summary>How much is to be allowed.</summary>
internal sealed record LimitRequest
{
    public long? Value { get; set; }
}
