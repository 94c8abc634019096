namespace Granary.Chart.Tests.Rendering;

/// <summary>A test that needs helm, and is reported as skipped without it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class HelmFactAttribute : FactAttribute
{
    public HelmFactAttribute() => Skip = Helm.Missing;
}

/// <inheritdoc cref="HelmFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class HelmTheoryAttribute : TheoryAttribute
{
    public HelmTheoryAttribute() => Skip = Helm.Missing;
}
