using System.Globalization;
using System.Text.Json;

namespace Granary.Core.Policies;

/// <summary>
/// The settings that policies of RabbitMQ 3.x and 4.x may have, and what is wrong with a value, in its words (rabbit_policies, rabbit_quorum_queue,
/// rabbit_mirror_queue_misc, and those of the plugins that come with it). Of a few nothing comes here; they are kept and shown.
/// </summary>
internal static class PolicyKeys
{
    private const long LargestSegment = 3_000_000_000;
    private const long LargestCache = 1_000_000;

    private static readonly Dictionary<string, Func<JsonElement, string?>> Checks = new(StringComparer.Ordinal)
    {
        ["alternate-exchange"] = Text("is not a valid alternate exchange name"),
        ["consumer-timeout"] = Integer("is not a valid consumer timeout"),
        ["consumer-disconnected-timeout"] = Integer("is not a valid consumer disconnected timeout"),
        ["dead-letter-exchange"] = Text("is not a valid dead letter exchange name"),
        ["dead-letter-routing-key"] = Text("is not a valid dead letter routing key"),
        ["dead-letter-strategy"] = OneOf("is not a valid dead letter strategy", "at-most-once", "at-least-once"),
        ["message-ttl"] = Integer("is not a valid message TTL"),
        ["expires"] = Integer("is not a valid queue expiry", least: 1),
        ["max-length"] = Integer("is not a valid maximum length"),
        ["max-length-bytes"] = Integer("is not a valid maximum length in bytes"),
        ["max-in-memory-length"] = Integer("is not a valid maximum memory in bytes"),
        ["max-in-memory-bytes"] = Integer("is not a valid maximum memory in bytes"),
        ["queue-mode"] = OneOf("is not a valid queue-mode value", "default", "lazy"),
        ["queue-version"] = Integer("is not a valid queue-version value", least: 1, most: 2),
        ["overflow"] = OneOf("is not a valid overflow value", "drop-head", "reject-publish", "reject-publish-dlx"),
        ["delivery-limit"] = Integer("is not a valid delivery limit", least: long.MinValue),
        ["max-age"] = value => value.ValueKind == JsonValueKind.String && IsAge(value.GetString()!) ? null : $"{JsonTerm.Of(value)} is not a valid max age",
        ["queue-leader-locator"] = OneOf("is not a valid queue leader locator value", "client-local", "balanced", "random", "least-leaders"),
        ["initial-cluster-size"] = Integer("is not a valid cluster size"),
        ["stream-max-segment-size-bytes"] = Integer("is not a valid segment size", most: LargestSegment),
        ["stream-filter-size-bytes"] = Integer("is not a valid filter size. Valid range is 16-255", least: 16, most: 255),
        ["target-group-size"] = Integer("is not a valid qq target count value", least: 1),
        ["member-placement-tag"] =
            value => value.ValueKind == JsonValueKind.String && value.GetString()!.Length > 0 ? null : $"{JsonTerm.Of(value)} is not a valid member-placement-tag value. Must be a non-empty string",
        ["delayed-retry-type"] = OneOf("is not a valid delayed retry type. Must be one of: all, failed, returned, disabled", "all", "failed", "returned", "disabled"),
        ["delayed-retry-min"] = Integer("is not a valid delayed retry minimum delay. Must be a positive integer", least: 1),
        ["delayed-retry-max"] = Integer("is not a valid delayed retry maximum delay. Must be a positive integer", least: 1),
        ["queue-master-locator"] = OneOf("invalid queue-master-locator value", "min-masters", "client-local", "random"),
        ["message-lease"] = Integer("is not a valid message lease", least: 1, most: Links.MessageLease.Longest),
        ["message-deduplication"] = value => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : $"{JsonTerm.Of(value)} is not a valid message deduplication value",
        ["cache-size"] = Integer("is not a valid cache size", least: 1, most: LargestCache),
        ["cache-ttl"] = Integer("is not a valid cache TTL", least: 1),
        ["federation-upstream"] = Anything,
        ["federation-upstream-set"] = Anything,
        ["federation-upstream-pattern"] = Anything,
        ["shards-per-node"] = Shards,
        ["routing-key"] = value => value.ValueKind == JsonValueKind.String ? null : $"routing-key should be binary, actually was {JsonTerm.Of(value)}",
        ["ha-mode"] = OneOf("is not a valid ha-mode value", "all", "exactly", "nodes"),
        ["ha-params"] = Anything,
        ["ha-sync-mode"] = Mode("ha-sync-mode must be \"manual\" or \"automatic\"", "manual", "automatic"),
        ["ha-sync-batch-size"] = value => IsInteger(value, 1) ? null : $"ha-sync-batch-size takes an integer greater than 0, {JsonTerm.Of(value)} given",
        ["ha-promote-on-shutdown"] = Mode("ha-promote-on-shutdown must be \"always\" or \"when-synced\"", "always", "when-synced"),
        ["ha-promote-on-failure"] = Mode("ha-promote-on-failure must be \"always\" or \"when-synced\"", "always", "when-synced"),
    };

    private static readonly HashSet<string> OfOperators = new(StringComparer.Ordinal)
    {
        "expires", "message-ttl", "max-length", "max-length-bytes", "max-in-memory-length", "max-in-memory-bytes", "delivery-limit", "queue-version", "overflow",
        "target-group-size", "member-placement-tag", "delayed-retry-type", "delayed-retry-min", "delayed-retry-max", "ha-mode", "ha-params", "ha-sync-mode",
    };

    /// <summary>What is wrong with settings; null: nothing.</summary>
    public static string? Check(JsonElement definition, bool isOperator)
    {
        if (definition.ValueKind != JsonValueKind.Object)
        {
            return $"definition must be a dictionary: {JsonTerm.Of(definition)}";
        }

        JsonProperty[] settings = [.. definition.EnumerateObject()];
        if (settings.Length == 0)
        {
            return "no policy provided";
        }

        JsonProperty[] unknown = [.. settings.Where(setting => !Checks.ContainsKey(setting.Name) || (isOperator && !OfOperators.Contains(setting.Name)))];
        var known = settings.Except(unknown).ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal);
        return known.OrderBy(static setting => setting.Key, StringComparer.Ordinal).Select(static setting => Checks[setting.Key](setting.Value)).FirstOrDefault(static error => error is not null)
            ?? CheckMirrors(known)
            ?? CheckRetries(known)
            ?? (known.ContainsKey("routing-key") && !known.ContainsKey("shards-per-node") ? "shards-per-node must be specified" : null)
            ?? (unknown.Length > 0 ? $"{JsonTerm.Pairs(unknown)} are not recognised policy settings" : null);
    }

    private static string? CheckRetries(Dictionary<string, JsonElement> settings)
    {
        var hasLeast = settings.TryGetValue("delayed-retry-min", out var least);
        return settings.TryGetValue("delayed-retry-type", out var type) && type.GetString() is not "disabled" && !hasLeast ? $"delayed-retry-min is required when delayed-retry-type is {type.GetString()}"
            : hasLeast && settings.TryGetValue("delayed-retry-max", out var most) && most.GetInt64() < least.GetInt64()
                ? $"delayed-retry-max ({most.GetInt64()}) must not be smaller than delayed-retry-min ({least.GetInt64()})"
            : null;
    }

    private static string? CheckMirrors(Dictionary<string, JsonElement> settings)
    {
        if (!settings.TryGetValue("ha-mode", out var mode))
        {
            return settings.Keys.Any(static key => key.StartsWith("ha-", StringComparison.Ordinal))
                ? "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown"
                : null;
        }

        var isThere = settings.TryGetValue("ha-params", out var parameters);
        return mode.GetString() switch
        {
            "all" => isThere ? "ha-mode=\"all\" does not take parameters" : null,
            "exactly" => isThere && IsInteger(parameters, 1) ? null : $"ha-mode=\"exactly\" takes an integer, {(isThere ? JsonTerm.Of(parameters) : "none")} given",
            _ => !isThere || parameters.ValueKind != JsonValueKind.Array ? $"ha-mode=\"nodes\" takes a list, {(isThere ? JsonTerm.Of(parameters) : "none")} given"
                : parameters.GetArrayLength() == 0 ? "ha-mode=\"nodes\" list must be non-empty"
                : parameters.EnumerateArray().Where(static node => node.ValueKind != JsonValueKind.String).Select(JsonTerm.Of).ToArray() is { Length: > 0 } others
                    ? $"ha-mode=\"nodes\" takes a list of strings, [{string.Join(',', others)}] was not a string"
                    : null,
        };
    }

    private static string? Anything(JsonElement value) => null;

    private static string? Shards(JsonElement value) =>
        value.ValueKind != JsonValueKind.Number ? $"shards-per-node should be a number, actually was {JsonTerm.Of(value)}"
        : value.GetDouble() < 0 ? $"shards-per-node should be greater than 0, actually was {JsonTerm.Of(value)}"
        : null;

    private static Func<JsonElement, string?> Text(string error) => value => value.ValueKind == JsonValueKind.String ? null : $"{JsonTerm.Of(value)} {error}";

    private static Func<JsonElement, string?> Integer(string error, long least = 0, long most = long.MaxValue) =>
        value => IsInteger(value, least, most) ? null : $"{JsonTerm.Of(value)} {error}";

    private static Func<JsonElement, string?> OneOf(string error, params string[] values) =>
        value => value.ValueKind == JsonValueKind.String && values.Contains(value.GetString()) ? null : $"{JsonTerm.Of(value)} {error}";

    private static Func<JsonElement, string?> Mode(string error, params string[] values) =>
        value => value.ValueKind == JsonValueKind.String && values.Contains(value.GetString()) ? null : $"{error}, got {JsonTerm.Of(value)}";

    private static bool IsInteger(JsonElement value, long least, long most = long.MaxValue) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= most;

    private static bool IsAge(string text) =>
        text.Length > 1 && "YMDhms".Contains(text[^1], StringComparison.Ordinal)
        && long.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0;
}
