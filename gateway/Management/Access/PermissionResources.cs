using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Access;

/// <summary><c>/api/permissions</c> and <c>/api/topic-permissions</c>, and the lists of them that a user or a vhost has.</summary>
internal sealed class PermissionResources(AccessCalls access) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/permissions", Need.Administrator, call => ListAsync(call, static _ => true));
        routes.Get("/vhosts/{vhost}/permissions", Need.Administrator, call => ListAsync(call, OfVhost(call)));
        routes.Get("/users/{user}/permissions", Need.Administrator, async call => await ListAsync(call, await OfUserAsync(call).ConfigureAwait(false)).ConfigureAwait(false));
        routes.Get("/permissions/{vhost}/{user}", Need.Administrator, GetAsync);
        routes.Put("/permissions/{vhost}/{user}", Need.Administrator, PutAsync);
        routes.Delete("/permissions/{vhost}/{user}", Need.Administrator, DeleteAsync);
        routes.Get("/topic-permissions", Need.Administrator, call => ListTopicsAsync(call, static _ => true));
        routes.Get("/vhosts/{vhost}/topic-permissions", Need.Administrator, call => ListTopicsAsync(call, OfVhost(call)));
        routes.Get("/users/{user}/topic-permissions", Need.Administrator, async call => await ListTopicsAsync(call, await OfUserAsync(call).ConfigureAwait(false)).ConfigureAwait(false));
        routes.Get("/topic-permissions/{vhost}/{user}", Need.Administrator, GetTopicsAsync);
        routes.Get("/topic-permissions/{vhost}/{user}/{exchange}", Need.Administrator, GetTopicsAsync);
        routes.Put("/topic-permissions/{vhost}/{user}", Need.Administrator, PutTopicAsync);
        routes.Delete("/topic-permissions/{vhost}/{user}", Need.Administrator, call => DeleteTopicAsync(call, null));
        routes.Delete("/topic-permissions/{vhost}/{user}/{exchange}", Need.Administrator, call => DeleteTopicAsync(call, call.Segments[3] == "amq.default" ? "" : call.Segments[3]));
    }

    private static Func<(string User, string Vhost), bool> OfVhost(ApiCall call)
    {
        var vhost = call.Vhosts.Require(call.Segments[1]);
        return permission => permission.Vhost == vhost;
    }

    private async Task<Func<(string User, string Vhost), bool>> OfUserAsync(ApiCall call)
    {
        var user = await access.FindUserAsync(call.Segments[1]).ConfigureAwait(false) ?? throw ApiException.NotFound();
        return permission => permission.User == user.Name;
    }

    private async Task ListAsync(ApiCall call, Func<(string User, string Vhost), bool> isMeant)
    {
        var permissions = (await access.ListPermissionsAsync().ConfigureAwait(false)).Where(permission => isMeant((permission.User, permission.Vhost)))
            .OrderBy(permission => permission.Vhost, StringComparer.Ordinal).ThenBy(permission => permission.User, StringComparer.Ordinal);
        await call.ReplyListAsync([.. permissions.Select(PermissionJson.Of)], ApiJson.Default.PermissionJson, static permission => permission.User!).ConfigureAwait(false);
    }

    private async Task GetAsync(ApiCall call)
    {
        var (vhost, user) = (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);
        var found = (await access.ListPermissionsAsync().ConfigureAwait(false)).FirstOrDefault(permission => permission.Vhost == vhost && permission.User == user)
            ?? throw ApiException.NotFound();
        await call.ReplyAsync(PermissionJson.Of(found), ApiJson.Default.PermissionJson).ConfigureAwait(false);
    }

    /// <summary>RabbitMQ looks at both before it reads what is asked.</summary>
    private async Task RequireBothAsync(ApiCall call)
    {
        if (await access.FindUserAsync(call.Segments[2]).ConfigureAwait(false) is null
            || (await access.ListVhostsAsync().ConfigureAwait(false)).All(vhost => vhost.Name != call.Segments[1]))
        {
            throw ApiException.BadRequest("vhost_or_user_not_found");
        }
    }

    private async Task PutAsync(ApiCall call)
    {
        await RequireBothAsync(call).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.PermissionJson).ConfigureAwait(false);
        var permission = asked.ToPermission(call.Segments[2], call.Segments[1]);
        var wasThere = (await access.ListPermissionsAsync().ConfigureAwait(false)).Any(there => (there.User, there.Vhost) == (permission.User, permission.Vhost));
        await call.ReplyAsync(wasThere, await access.SetPermissionAsync(permission).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call)
    {
        (await access.ClearPermissionAsync(call.Segments[2], call.Segments[1]).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task ListTopicsAsync(ApiCall call, Func<(string User, string Vhost), bool> isMeant)
    {
        var permissions = await TopicsAsync(isMeant).ConfigureAwait(false);
        await call.ReplyListAsync(permissions, ApiJson.Default.TopicPermissionJson, static permission => permission.User!).ConfigureAwait(false);
    }

    private async Task GetTopicsAsync(ApiCall call)
    {
        var (vhost, user) = (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);
        var permissions = await TopicsAsync(permission => permission.Vhost == vhost && permission.User == user).ConfigureAwait(false);
        if (call.Segments.Length > 3)
        {
            var exchange = call.Segments[3] == "amq.default" ? "" : call.Segments[3];
            permissions = [.. permissions.Where(permission => permission.Exchange == exchange)];
        }

        await call.ReplyListAsync(permissions.Length > 0 ? permissions : throw ApiException.NotFound(), ApiJson.Default.TopicPermissionJson, static permission => permission.User!)
            .ConfigureAwait(false);
    }

    private async Task<TopicPermissionJson[]> TopicsAsync(Func<(string User, string Vhost), bool> isMeant) =>
    [
        .. (await access.ListTopicPermissionsAsync().ConfigureAwait(false)).Where(permission => isMeant((permission.User, permission.Vhost)))
            .OrderBy(permission => permission.Vhost, StringComparer.Ordinal).ThenBy(permission => permission.User, StringComparer.Ordinal)
            .ThenBy(permission => permission.Exchange, StringComparer.Ordinal).Select(TopicPermissionJson.Of),
    ];

    private async Task PutTopicAsync(ApiCall call)
    {
        await RequireBothAsync(call).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.TopicPermissionJson).ConfigureAwait(false);
        var permission = asked.ToPermission(call.Segments[2], call.Segments[1]);
        var wasThere = (await access.ListTopicPermissionsAsync().ConfigureAwait(false))
            .Any(there => (there.User, there.Vhost, there.Exchange) == (permission.User, permission.Vhost, permission.Exchange));
        await call.ReplyAsync(wasThere, await access.SetTopicPermissionAsync(permission).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task DeleteTopicAsync(ApiCall call, string? exchange)
    {
        (await access.ClearTopicPermissionAsync(call.Segments[2], call.Segments[1], exchange).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }
}

/// <summary>A permission as RabbitMQ's management tells and takes it, and as definitions have it.</summary>
internal sealed record PermissionJson
{
    public string? User { get; set; }

    public string? Vhost { get; set; }

    public string? Configure { get; set; }

    public string? Write { get; set; }

    public string? Read { get; set; }

    public static PermissionJson Of(Permission permission) => new()
    {
        User = permission.User,
        Vhost = permission.Vhost,
        Configure = permission.Configure,
        Write = permission.Write,
        Read = permission.Read,
    };

    /// <exception cref="ApiException">400: something is missing.</exception>
    public Permission ToPermission(string user, string vhost)
    {
        MissingKeys.Check(("configure", Configure), ("write", Write), ("read", Read));
        return new Permission(user, vhost, Configure!, Write!, Read!);
    }
}

/// <inheritdoc cref="PermissionJson"/>
internal sealed record TopicPermissionJson
{
    public string? User { get; set; }

    public string? Vhost { get; set; }

    public string? Exchange { get; set; }

    public string? Write { get; set; }

    public string? Read { get; set; }

    public static TopicPermissionJson Of(TopicPermission permission) => new()
    {
        User = permission.User,
        Vhost = permission.Vhost,
        Exchange = permission.Exchange,
        Write = permission.Write,
        Read = permission.Read,
    };

    /// <exception cref="ApiException">400: something is missing.</exception>
    public TopicPermission ToPermission(string user, string vhost)
    {
        MissingKeys.Check(("exchange", Exchange), ("write", Write), ("read", Read));
        return new TopicPermission(user, vhost, Exchange!, Write!, Read!);
    }
}
