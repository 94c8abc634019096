namespace Granary.Chart.Tests.Rendering;

/// <summary>The promtool in PATH.</summary>
internal static class Promtool
{
    public static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, "promtool"))
        .FirstOrDefault(File.Exists);
}

/// <summary>A test that needs promtool, and is reported as skipped without it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PromtoolFactAttribute : FactAttribute
{
    public PromtoolFactAttribute() => Skip = Promtool.Program is null ? "There is no promtool in PATH." : null;
}
