using System.Globalization;

namespace Granary.Testing.Unkind;

/// <summary>The seed of unkind runs: GRANARY_TEST_SEED.</summary>
public static class TestSeed
{
    /// <summary>
    /// The trait of classes in which no call is treated unkindly: nothing in them is a grain in this process, or goes to the broker that the run shares. test.sh runs
    /// them once, and leaves them out where it repeats a suite by seeds. A class without it is repeated.
    /// </summary>
    public const string Trait = "Seed";

    /// <summary>The value of <see cref="Trait"/>.</summary>
    public const string NotConcerned = "none";

    /// <summary>The seed of this run; null unless the environment names one.</summary>
    public static int? OfThisRun { get; } = Environment.GetEnvironmentVariable("GRANARY_TEST_SEED") is { Length: > 0 } seed
        ? int.Parse(seed, CultureInfo.InvariantCulture)
        : null;
}
