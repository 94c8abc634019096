using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Core.Policies;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Policies;

/// <summary>A policy as RabbitMQ's management tells it, and as definitions have it.</summary>
internal sealed record PolicyJson
{
    public string? Vhost { get; set; }

    public string? Name { get; set; }

    public JsonElement Pattern { get; set; }

    [JsonPropertyName("apply-to")]
    public JsonElement ApplyTo { get; set; }

    public JsonElement Definition { get; set; }

    public JsonElement Priority { get; set; }

    public static PolicyJson Of(Policy policy) => new()
    {
        Vhost = policy.Vhost,
        Name = policy.Name,
        Pattern = JsonSerializer.SerializeToElement(policy.Pattern, ApiJson.Default.String),
        ApplyTo = JsonSerializer.SerializeToElement(policy.ApplyTo, ApiJson.Default.String),
        Definition = JsonTerm.Parse(policy.Definition),
        Priority = JsonSerializer.SerializeToElement(policy.Priority, ApiJson.Default.Int64),
    };

    /// <exception cref="ApiException">400: something is missing or wrong.</exception>
    public Policy ToPolicy(string vhost, string name, bool isOperator)
    {
        MissingKeys.Check(("pattern", IsSaid(Pattern)), ("definition", IsSaid(Definition)));
        var (policy, error) = PolicyRules.Read(vhost, name, new PolicyDraft(Pattern, Definition, Priority, ApplyTo), isOperator);
        return policy ?? throw ApiException.BadRequest(error!);
    }

    private static string? IsSaid(JsonElement value) => value.ValueKind == JsonValueKind.Undefined ? null : "";
}

/// <summary>A parameter as RabbitMQ's management tells it, and as definitions have it.</summary>
internal sealed record ParameterJson
{
    public string? Vhost { get; set; }

    public string? Component { get; set; }

    public string? Name { get; set; }

    public JsonElement Value { get; set; }

    public static ParameterJson Of(Parameter parameter) => new()
    {
        Vhost = parameter.Vhost,
        Component = parameter.Vhost is null ? null : parameter.Component,
        Name = parameter.Name,
        Value = JsonTerm.Parse(parameter.Value),
    };

    /// <summary>A policy of an operator, which is a parameter as well.</summary>
    public static ParameterJson OfOperator(Policy policy) => new()
    {
        Vhost = policy.Vhost,
        Component = ParameterRules.OperatorPolicy,
        Name = policy.Name,
        Value = JsonTerm.Parse(JsonTerm.Normal(JsonSerializer.SerializeToElement(PolicyJson.Of(policy) with { Vhost = null, Name = null }, ApiJson.Default.PolicyJson))),
    };
}
