using System.Text.Json.Serialization;
using Granary.Core.Topology;

namespace Granary.Silo.Exchanges;

/// <summary>What a deleted queue or exchange leaves to do: its bindings, at the exchanges that have or may have them.</summary>
[GenerateSerializer, Immutable, Alias("granary.BindingDebt")]
internal sealed record BindingDebt([property: Id(0)] Destination Destination, [property: Id(1)] string[] Sources)
{
    /// <summary>The queue that a deleted exchange had for itself, which goes with it; null: it had none.</summary>
    [Id(2)]
    public string? Queue { get; init; }

    [JsonIgnore]
    public bool IsNothing => Sources.Length == 0 && Queue is null;
}
