using System.Text;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>A queue or exchange that bindings of one exchange lead to: one object per name, however many bindings there are.</summary>
internal sealed class RouteTarget(DestinationKind kind, string name)
{
    public DestinationKind Kind { get; } = kind;

    public string Name { get; } = name;

    /// <summary>The name as routing looks exchanges up.</summary>
    public byte[] NameBytes { get; } = kind == DestinationKind.Exchange ? Encoding.UTF8.GetBytes(name) : [];

    /// <summary>How many bindings of the index lead here.</summary>
    public int Bindings { get; set; }

    /// <summary>The last match that collected this target; the owning <see cref="TargetCollector"/>'s.</summary>
    public long Stamp { get; set; }
}
