using Granary.Testing.Unkind;

namespace Granary.Silo.Tests;

/// <summary>Under which seeds of the unkind mode a test hosts its silo.</summary>
public static class Seeds
{
    /// <summary>The seed of this run; without one, calls that are carried faithfully and a few seeds.</summary>
    public static TheoryData<int?> All => TestSeed.OfThisRun is { } seed ? new(seed) : new(null, 1, 2, 3);
}
