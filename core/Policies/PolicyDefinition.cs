using System.Text.Json;

namespace Granary.Core.Policies;

/// <summary>The settings of a policy by their keys, in order.</summary>
public sealed class PolicyDefinition
{
    public static readonly PolicyDefinition Empty = new([]);

    private readonly SortedDictionary<string, JsonElement> _settings;

    private PolicyDefinition(SortedDictionary<string, JsonElement> settings)
    {
        _settings = settings;
        Json = JsonSerializer.SerializeToElement(settings, DefinitionJson.Default.SortedDictionaryStringJsonElement);
    }

    /// <summary>All of it, as one object.</summary>
    public JsonElement Json { get; }

    public IReadOnlyCollection<string> Keys => _settings.Keys;

    /// <param name="json">As a policy has it (<see cref="Policy.Definition"/>).</param>
    public static PolicyDefinition Parse(string json)
    {
        var settings = New();
        foreach (var member in JsonTerm.Parse(json).EnumerateObject())
        {
            settings[member.Name] = member.Value;
        }

        return new PolicyDefinition(settings);
    }

    /// <summary>What is gone by where a user's and an operator's policy both match.</summary>
    public static PolicyDefinition Merge(PolicyDefinition user, PolicyDefinition operators)
    {
        ArgumentNullException.ThrowIfNull(user);
        ArgumentNullException.ThrowIfNull(operators);
        var settings = New();
        foreach (var (key, value) in user._settings)
        {
            settings[key] = value;
        }

        foreach (var (key, value) in operators._settings)
        {
            settings[key] = settings.TryGetValue(key, out var own) ? PolicyMerge.Choose(key, own, value) : value;
        }

        return new PolicyDefinition(settings);
    }

    /// <summary>Null: it says nothing of it.</summary>
    public long? Number(string key) => _settings.TryGetValue(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    /// <inheritdoc cref="Number"/>
    public string? Text(string key) => _settings.TryGetValue(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>False: it says so, or nothing of it.</summary>
    public bool Flag(string key) => _settings.TryGetValue(key, out var value) && value.ValueKind == JsonValueKind.True;

    public override string ToString() => Json.GetRawText();

    private static SortedDictionary<string, JsonElement> New() => new(StringComparer.Ordinal);
}

[System.Text.Json.Serialization.JsonSerializable(typeof(SortedDictionary<string, JsonElement>))]
internal sealed partial class DefinitionJson : System.Text.Json.Serialization.JsonSerializerContext;
