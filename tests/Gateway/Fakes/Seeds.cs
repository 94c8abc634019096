using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Where random walks start: another place at each run unless GRANARY_TEST_SEED says where.</summary>
internal static class Seeds
{
    /// <summary>The first of the seeds of a test, which its failure names.</summary>
    public static int First => TestSeed.OfThisRun is { } seed ? seed * 100_000 : Random.Shared.Next();
}
