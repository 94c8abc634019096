using System.Globalization;

namespace Granary.Silo.Tests;

/// <summary>Under which seeds of the unkind mode a test hosts its silo.</summary>
public static class Seeds
{
    /// <summary>The seed of this run; null unless the environment names one.</summary>
    public static int? OfThisRun { get; } = Environment.GetEnvironmentVariable("GRANARY_TEST_SEED") is { Length: > 0 } seed
        ? int.Parse(seed, CultureInfo.InvariantCulture)
        : null;

    /// <summary>The seed of this run; without one, calls that are carried faithfully and a few seeds.</summary>
    public static TheoryData<int?> All => OfThisRun is { } seed ? new(seed) : new(null, 1, 2, 3);
}
