namespace Granary.Gateway.Figures;

/// <summary>What a listener for HTTP is for; a feature of its connections.</summary>
internal sealed record PortRole(PortKind Kind)
{
    public static readonly PortRole Management = new(PortKind.Management);

    public static readonly PortRole Metrics = new(PortKind.Metrics);

    /// <summary>Management, for an administrator of the machine: no password is asked for.</summary>
    public static readonly PortRole Control = new(PortKind.Control);
}

internal enum PortKind
{
    Management,
    Metrics,
    Control,
}
