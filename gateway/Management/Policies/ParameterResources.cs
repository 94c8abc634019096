using System.Text.Json;
using Granary.Core.Policies;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Management.Policies;

/// <summary><c>/api/parameters</c> and <c>/api/global-parameters</c>.</summary>
internal sealed class ParameterResources(PolicyCalls policies, ParameterRules rules) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/parameters", Need.Policymaker, call => ListAsync(call, null, call.HeaderVhost));
        routes.Get("/parameters/{component}", Need.Policymaker, call => ListAsync(call, call.Segments[1], call.HeaderVhost));
        routes.Get("/parameters/{component}/{vhost}", Need.Policymaker, call => ListAsync(call, call.Segments[1], call.Vhosts.Require(call.Segments[2])));
        routes.Get("/parameters/{component}/{vhost}/{name}", Need.Policymaker, GetAsync);
        routes.Put("/parameters/{component}/{vhost}/{name}", Need.Policymaker, PutAsync);
        routes.Delete("/parameters/{component}/{vhost}/{name}", Need.Policymaker, DeleteAsync);
        routes.Get("/global-parameters", Need.Policymaker, ListGlobalAsync);
        routes.Get("/global-parameters/{name}", Need.Policymaker, GetGlobalAsync);
        routes.Put("/global-parameters/{name}", Need.Policymaker, PutGlobalAsync);
        routes.Delete("/global-parameters/{name}", Need.Policymaker, DeleteGlobalAsync);
    }

    private async Task ListAsync(ApiCall call, string? component, string? vhost)
    {
        var told = (await rules.ListAsync().ConfigureAwait(false))
            .Where(parameter => (component is null || parameter.Component == component) && (vhost is null ? call.Vhosts.Has(parameter.Vhost!) : parameter.Vhost == vhost));
        await call.ReplyListAsync([.. told], ApiJson.Default.ParameterJson, static parameter => parameter.Name!).ConfigureAwait(false);
    }

    private async Task GetAsync(ApiCall call) =>
        await call.ReplyAsync(await FindAsync(call).ConfigureAwait(false) ?? throw ApiException.NotFound(), ApiJson.Default.ParameterJson).ConfigureAwait(false);

    private async Task PutAsync(ApiCall call)
    {
        var isNew = await FindAsync(call).ConfigureAwait(false) is null;
        var value = await ValueAsync(call).ConfigureAwait(false);
        RequireRight(call);
        await rules.PutAsync(call.Segments[2], call.Segments[1], call.Segments[3], value).ConfigureAwait(false);
        await call.ReplyPutAsync(isNew).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call)
    {
        // Looked at before: of a deletion that was asked for twice nobody can say whether there was anything.
        var isThere = await FindAsync(call).ConfigureAwait(false) is not null;
        RequireRight(call);
        await (await rules.DeleteAsync(call.Segments[2], call.Segments[1], call.Segments[3]).ConfigureAwait(false) && isThere ? call.ReplyNothingAsync() : throw ApiException.NotFound())
            .ConfigureAwait(false);
    }

    // What limits others is not for those whom it limits.
    private static void RequireRight(ApiCall call)
    {
        if (call.Segments[1] is ParameterRules.OperatorPolicy or ParameterRules.VhostLimits && call.User.Refusal(Need.Administrator) is { } refusal)
        {
            throw ApiException.NotAuthorised(refusal);
        }
    }

    private async Task<ParameterJson?> FindAsync(ApiCall call)
    {
        var (component, vhost, name) = (call.Segments[1], call.Vhosts.Require(call.Segments[2]), call.Segments[3]);
        return (await rules.ListAsync().ConfigureAwait(false)).FirstOrDefault(parameter => parameter.Component == component && parameter.Vhost == vhost && parameter.Name == name);
    }

    private async Task ListGlobalAsync(ApiCall call)
    {
        var told = (await policies.ListParametersAsync().ConfigureAwait(false)).Where(static parameter => parameter.Vhost is null)
            .OrderBy(static parameter => parameter.Name, StringComparer.Ordinal).Select(ParameterJson.Of);
        await call.ReplyListAsync([.. told], ApiJson.Default.ParameterJson, static parameter => parameter.Name!).ConfigureAwait(false);
    }

    private async Task GetGlobalAsync(ApiCall call) => await call.ReplyAsync(
        ParameterJson.Of(await FindGlobalAsync(call.Segments[1]).ConfigureAwait(false) ?? throw ApiException.NotFound()), ApiJson.Default.ParameterJson).ConfigureAwait(false);

    private async Task PutGlobalAsync(ApiCall call)
    {
        var isNew = await FindGlobalAsync(call.Segments[1]).ConfigureAwait(false) is null;
        var value = await ValueAsync(call).ConfigureAwait(false);
        await policies.PutAsync([], [Parameter.Global(call.Segments[1], JsonTerm.Normal(value))]).ConfigureAwait(false);
        await call.ReplyPutAsync(isNew).ConfigureAwait(false);
    }

    private async Task DeleteGlobalAsync(ApiCall call)
    {
        var found = await FindGlobalAsync(call.Segments[1]).ConfigureAwait(false) ?? throw ApiException.NotFound();
        await policies.DeleteParameterAsync(null, "", found.Name).ConfigureAwait(false);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task<Parameter?> FindGlobalAsync(string name) =>
        (await policies.ListParametersAsync().ConfigureAwait(false)).FirstOrDefault(parameter => parameter.Vhost is null && parameter.Name == name);

    private static async Task<JsonElement> ValueAsync(ApiCall call)
    {
        var value = (await call.ReadAsync(ApiJson.Default.ParameterJson).ConfigureAwait(false)).Value;
        return value.ValueKind == JsonValueKind.Undefined ? throw ApiException.BadRequest("[{key_missing,value}]") : value;
    }
}
