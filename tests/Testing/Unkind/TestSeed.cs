using System.Globalization;

namespace Granary.Testing.Unkind;

/// <summary>The seed of unkind runs: GRANARY_TEST_SEED.</summary>
public static class TestSeed
{
    /// <summary>The seed of this run; null unless the environment names one.</summary>
    public static int? OfThisRun { get; } = Environment.GetEnvironmentVariable("GRANARY_TEST_SEED") is { Length: > 0 } seed
        ? int.Parse(seed, CultureInfo.InvariantCulture)
        : null;
}
