using System.Text.Json.Serialization;

namespace Granary.Gateway.Management;

/// <summary>What the management API answers when it does not do what it was asked for.</summary>
/// <param name="Error">For programs.</param>
/// <param name="Reason">For people.</param>
internal sealed record Refusal(string Error, string Reason);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Refusal))]
internal sealed partial class ManagementJson : JsonSerializerContext;
