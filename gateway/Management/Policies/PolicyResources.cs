using Granary.Core.Policies;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Management.Policies;

/// <summary><c>/api/policies</c> and <c>/api/operator-policies</c>.</summary>
internal sealed class PolicyResources(PolicyCalls policies) : IResource
{
    public void Map(ApiRoutes routes)
    {
        Map(routes, "/policies", Need.Policymaker, isOperator: false);
        Map(routes, "/operator-policies", Need.Administrator, isOperator: true);
    }

    private void Map(ApiRoutes routes, string path, Need changes, bool isOperator)
    {
        routes.Get(path, Need.Management, call => ListAsync(call, call.HeaderVhost, isOperator));
        routes.Get($"{path}/{{vhost}}", Need.Management, call => ListAsync(call, call.Vhosts.Require(call.Segments[1]), isOperator));
        routes.Get($"{path}/{{vhost}}/{{name}}", changes, call => GetAsync(call, isOperator));
        routes.Put($"{path}/{{vhost}}/{{name}}", changes, call => PutAsync(call, isOperator));
        routes.Delete($"{path}/{{vhost}}/{{name}}", changes, call => DeleteAsync(call, isOperator));
    }

    private async Task ListAsync(ApiCall call, string? vhost, bool isOperator)
    {
        var told = (await policies.ListPoliciesAsync().ConfigureAwait(false))
            .Where(policy => policy.IsOperator == isOperator && (vhost is null ? call.Vhosts.Has(policy.Vhost) : policy.Vhost == vhost));
        await call.ReplyListAsync([.. Ordered(told).Select(PolicyJson.Of)], ApiJson.Default.PolicyJson, static policy => policy.Name!).ConfigureAwait(false);
    }

    /// <summary>As RabbitMQ lists them: by priority, the lowest first.</summary>
    public static IEnumerable<Policy> Ordered(IEnumerable<Policy> policies) => policies.OrderBy(static policy => policy.Priority)
        .ThenBy(static policy => policy.Vhost, StringComparer.Ordinal).ThenBy(static policy => policy.Name, StringComparer.Ordinal);

    private async Task GetAsync(ApiCall call, bool isOperator) =>
        await call.ReplyAsync(PolicyJson.Of(await FindAsync(call, isOperator).ConfigureAwait(false) ?? throw ApiException.NotFound()), ApiJson.Default.PolicyJson).ConfigureAwait(false);

    private async Task PutAsync(ApiCall call, bool isOperator)
    {
        var isNew = await FindAsync(call, isOperator).ConfigureAwait(false) is null;
        var asked = await call.ReadAsync(ApiJson.Default.PolicyJson).ConfigureAwait(false);
        await policies.PutAsync([asked.ToPolicy(call.Segments[1], call.Segments[2], isOperator)], []).ConfigureAwait(false);
        await call.ReplyPutAsync(isNew).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call, bool isOperator)
    {
        // Looked at before: of a deletion that was asked for twice nobody can say whether there was anything.
        var found = await FindAsync(call, isOperator).ConfigureAwait(false) ?? throw ApiException.NotFound();
        await policies.DeletePolicyAsync(found.Vhost, found.Name, isOperator).ConfigureAwait(false);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task<Policy?> FindAsync(ApiCall call, bool isOperator)
    {
        var (vhost, name) = (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);
        return (await policies.ListPoliciesAsync().ConfigureAwait(false))
            .FirstOrDefault(policy => policy.IsOperator == isOperator && policy.Vhost == vhost && policy.Name == name);
    }
}
