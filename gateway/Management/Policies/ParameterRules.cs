using System.Text.Json;
using Granary.Core.Access;
using Granary.Core.Policies;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Management.Policies;

/// <summary>The components that parameters may be of, and what of a vhost is told as a parameter though it is kept as something else.</summary>
internal sealed class ParameterRules(PolicyCalls policies, AccessCalls access)
{
    public const string OperatorPolicy = "operator_policy";
    public const string VhostLimits = "vhost-limits";

    private const string UserPolicy = "policy";
    private const string Limits = "limits";

    // Of plugins that this broker has not: what is set is kept and shown, so that a file of definitions loses nothing.
    private static readonly string[] Kept = ["shovel", "federation-upstream", "federation-upstream-set", "federation"];

    /// <summary>All that there are, by vhost, component and name.</summary>
    public async Task<IReadOnlyList<ParameterJson>> ListAsync()
    {
        var limits = (await access.ListVhostsAsync().ConfigureAwait(false)).Select(OfLimits).OfType<ParameterJson>();
        var operators = (await policies.ListPoliciesAsync().ConfigureAwait(false)).Where(static policy => policy.IsOperator).Select(ParameterJson.OfOperator);
        var kept = (await policies.ListParametersAsync().ConfigureAwait(false)).Where(static parameter => parameter.Vhost is not null).Select(ParameterJson.Of);
        return
        [
            .. limits.Concat(operators).Concat(kept).OrderBy(static parameter => parameter.Vhost, StringComparer.Ordinal)
                .ThenBy(static parameter => parameter.Component, StringComparer.Ordinal).ThenBy(static parameter => parameter.Name, StringComparer.Ordinal),
        ];
    }

    /// <exception cref="ApiException">400: there is no such component, or it does not take that.</exception>
    public async Task PutAsync(string vhost, string component, string name, JsonElement value)
    {
        switch (component)
        {
            case UserPolicy:
                throw ApiException.BadRequest("policies may not be set using this method");
            case OperatorPolicy:
                await policies.PutAsync([ToPolicy(vhost, name, value)], []).ConfigureAwait(false);
                break;
            case VhostLimits:
                (await access.PutVhostAsync(new VhostSettings(vhost) { Limits = ToLimits(name, value), When = PutCondition.IfThere }).ConfigureAwait(false)).Check();
                break;
            default:
                await policies.PutAsync([], [ToParameter(vhost, component, name, value)]).ConfigureAwait(false);
                break;
        }
    }

    /// <returns>False: there was none.</returns>
    /// <exception cref="ApiException">400: it is not to be deleted in this way.</exception>
    public async Task<bool> DeleteAsync(string vhost, string component, string name)
    {
        switch (component)
        {
            case UserPolicy:
                throw ApiException.BadRequest("policies may not be cleared using this method");
            case OperatorPolicy:
                return await policies.DeletePolicyAsync(vhost, name, isOperator: true).ConfigureAwait(false);
            case VhostLimits:
                var isThere = name == Limits && (await access.ListVhostsAsync().ConfigureAwait(false)).Any(one => one.Name == vhost && OfLimits(one) is not null);
                if (isThere)
                {
                    (await access.PutVhostAsync(new VhostSettings(vhost) { Limits = new VhostLimits(), When = PutCondition.IfThere }).ConfigureAwait(false)).Check();
                }

                return isThere;
            default:
                return await policies.DeleteParameterAsync(vhost, component, name).ConfigureAwait(false);
        }
    }

    /// <exception cref="ApiException">400: it is none.</exception>
    public static Policy ToPolicy(string vhost, string name, JsonElement value)
    {
        var (policy, error) = PolicyRules.ReadTerm(vhost, name, value);
        return policy ?? throw ApiException.BadRequest(error!);
    }

    /// <exception cref="ApiException">400: there is no such component.</exception>
    public static Parameter ToParameter(string vhost, string component, string name, JsonElement value) => Kept.Contains(component)
        ? new Parameter(vhost, component, name, JsonTerm.Normal(value))
        : throw ApiException.BadRequest(PolicyRules.Failed($"component {component} not found"));

    /// <exception cref="ApiException">400: they are none.</exception>
    public static VhostLimits ToLimits(string name, JsonElement value)
    {
        if (value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
        {
            throw ApiException.BadRequest(PolicyRules.Failed($"{name} not a list {JsonTerm.Of(value)}"));
        }

        // No limits are written as an empty list as well.
        JsonProperty[] given = value.ValueKind == JsonValueKind.Object ? [.. value.EnumerateObject()] : [];
        JsonProperty[] unknown = [.. given.Where(static limit => limit.Name is not (LimitsJson.MaxConnections or LimitsJson.MaxQueues))];
        var wrong = given.Except(unknown).Where(static limit => limit.Value.ValueKind != JsonValueKind.Number || !limit.Value.TryGetInt64(out _))
            .Select(static limit => $"{limit.Name} should be a number, actually was {JsonTerm.Of(limit.Value)}").ToList();
        if (unknown.Length > 0)
        {
            wrong.Insert(0, $"Unrecognised terms {JsonTerm.Pairs(unknown)} in {name}");
        }

        return wrong.Count > 0
            ? throw ApiException.BadRequest(PolicyRules.Failed(wrong))
            : LimitsJson.ToVhostLimits(given.ToDictionary(static limit => limit.Name, static limit => limit.Value.GetInt64(), StringComparer.Ordinal));
    }

    /// <summary>Null: the vhost has none.</summary>
    public static ParameterJson? OfLimits(Vhost vhost) => LimitsJson.Of(vhost.Limits) is { Count: > 0 } limits
        ? new ParameterJson
        {
            Vhost = vhost.Name,
            Component = VhostLimits,
            Name = Limits,
            Value = JsonSerializer.SerializeToElement(limits, ApiJson.Default.DictionaryStringInt64),
        }
        : null;
}
