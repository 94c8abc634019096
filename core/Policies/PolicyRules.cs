using System.Text;
using System.Text.Json;
using Granary.Core.Access;

namespace Granary.Core.Policies;

/// <summary>A policy as somebody gives it, before anything of it is checked. Undefined: nothing was said.</summary>
public readonly record struct PolicyDraft(JsonElement Pattern, JsonElement Definition, JsonElement Priority, JsonElement ApplyTo);

/// <summary>What RabbitMQ refuses of policies, in its words (rabbit_policy, rabbit_parameter_validation).</summary>
public static class PolicyRules
{
    private const string Standard = "all";
    private const int LongestPattern = 1024;
    private const int LongestName = 255;

    /// <summary>Begins what is said of what is wrong with a policy or parameter.</summary>
    public static string Failed(params IEnumerable<string> errors) => $"Validation failed\n\n{string.Join("\n", errors)}\n";

    /// <summary>The policy that was given, or why there can be none.</summary>
    public static (Policy? Policy, string? Error) Read(string vhost, string name, in PolicyDraft draft, bool isOperator)
    {
        ArgumentNullException.ThrowIfNull(name);

        // The last one first, as they are told there.
        string[] errors =
        [
            .. ((string?[])[PolicyKeys.Check(draft.Definition, isOperator), CheckApplyTo(draft.ApplyTo), CheckPattern(draft.Pattern), CheckPriority(draft.Priority)]).OfType<string>(),
        ];
        if (errors.Length > 0)
        {
            return (null, Failed(errors));
        }

        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > LongestName)
        {
            return (null, Failed($"the policy's name has 1 to {LongestName} bytes"));
        }

        var priority = draft.Priority.ValueKind != JsonValueKind.Number ? 0
            : draft.Priority.TryGetInt64(out var whole) ? whole
            : (long)Math.Clamp(draft.Priority.GetDouble(), long.MinValue, long.MaxValue);
        return (new Policy(
            vhost, name, draft.Pattern.GetString()!, IsSaid(draft.ApplyTo) ? draft.ApplyTo.GetString()! : Standard, priority, JsonTerm.Normal(draft.Definition), isOperator), null);
    }

    /// <summary>As <see cref="Read"/>, of an operator's policy that is given as a parameter: nothing is taken for granted there.</summary>
    public static (Policy? Policy, string? Error) ReadTerm(string vhost, string name, JsonElement term)
    {
        if (term.ValueKind != JsonValueKind.Object)
        {
            return (null, Failed($"{name} not a list {JsonTerm.Of(term)}"));
        }

        string[] needed = ["definition", "pattern", "priority"];
        var given = term.EnumerateObject().GroupBy(static member => member.Name, StringComparer.Ordinal).ToDictionary(static same => same.Key, static same => same.Last(), StringComparer.Ordinal);
        JsonProperty[] unknown = [.. given.Values.Where(member => member.Name != "apply-to" && !needed.Contains(member.Name))];
        string[] errors =
        [
            .. unknown.Length > 0 ? [$"Unrecognised terms {JsonTerm.Pairs(unknown)} in {name}"] : Array.Empty<string>(),
            .. needed.Where(key => !given.ContainsKey(key)).Select(key => $"Key \"{key}\" not found in {name}"),
        ];
        return errors.Length > 0
            ? (null, Failed(errors))
            : Read(vhost, name, new PolicyDraft(Of("pattern"), Of("definition"), Of("priority"), Of("apply-to")), isOperator: true);

        JsonElement Of(string key) => given.TryGetValue(key, out var member) ? member.Value : default;
    }

    private static bool IsSaid(JsonElement value) => value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    private static string? CheckPriority(JsonElement priority) =>
        !IsSaid(priority) || priority.ValueKind == JsonValueKind.Number ? null : $"priority should be a number, actually was {JsonTerm.Of(priority)}";

    private static string? CheckApplyTo(JsonElement applyTo) =>
        !IsSaid(applyTo) || (applyTo.ValueKind == JsonValueKind.String && PolicyTargets.Named(applyTo.GetString()!) is not null) ? null
        : $"apply-to '{(applyTo.ValueKind == JsonValueKind.String ? applyTo.GetString() : JsonTerm.Of(applyTo))}' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'";

    private static string? CheckPattern(JsonElement pattern)
    {
        if (pattern.ValueKind != JsonValueKind.String)
        {
            return $"pattern should be a binary but was {JsonTerm.Of(pattern)}";
        }

        var text = pattern.GetString()!;
        return Encoding.UTF8.GetByteCount(text) > LongestPattern ? $"pattern must not exceed {LongestPattern} bytes"
            : NamePattern.Refusal(text) is { } refusal ? $"pattern should be regular expression but is invalid: {{\"{refusal}\",0}}"
            : null;
    }
}
