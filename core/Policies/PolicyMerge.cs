using System.Text.Json;

namespace Granary.Core.Policies;

/// <summary>Of two values of one setting, a user's policy's and an operator's, the one that is gone by (RabbitMQ's merge_policy_value).</summary>
internal static class PolicyMerge
{
    public static JsonElement Choose(string key, JsonElement user, JsonElement operators) => key switch
    {
        "message-ttl" or "expires" or "max-length" or "max-length-bytes" or "max-in-memory-length" or "max-in-memory-bytes" or "delayed-retry-max" => Lesser(user, operators),
        "delivery-limit" => Number(user) < 0 || Number(operators) < 0 ? Greater(user, operators) : Lesser(user, operators),
        "target-group-size" or "delayed-retry-min" => Greater(user, operators),
        "ha-mode" => ModeOf(user, operators),
        "ha-params" => ParametersOf(user, operators),
        _ => operators,
    };

    private static JsonElement Lesser(JsonElement user, JsonElement operators) => Number(user) <= Number(operators) ? user : operators;

    private static JsonElement Greater(JsonElement user, JsonElement operators) => Number(user) >= Number(operators) ? user : operators;

    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Number ? value.GetDouble() : double.NaN;

    // The one that makes more copies.
    private static JsonElement ModeOf(JsonElement user, JsonElement operators)
    {
        return Rank(user) >= Rank(operators) ? user : operators;

        static int Rank(JsonElement mode) => mode.ValueKind != JsonValueKind.String ? 0 : mode.GetString() switch
        {
            "all" => 2,
            "exactly" => 1,
            _ => 0,
        };
    }

    private static JsonElement ParametersOf(JsonElement user, JsonElement operators) => (user.ValueKind, operators.ValueKind) switch
    {
        (JsonValueKind.Number, JsonValueKind.Number) => Greater(user, operators),
        (JsonValueKind.Number, _) => user,
        (_, JsonValueKind.Number) => operators,
        (JsonValueKind.Array, JsonValueKind.Array) => user.GetArrayLength() > operators.GetArrayLength() ? user : operators,
        _ => operators,
    };
}
