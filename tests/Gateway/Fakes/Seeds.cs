using System.Globalization;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Where random walks start: another place at each run unless ORLEANS_STANDIN_SEED says where.</summary>
internal static class Seeds
{
    /// <summary>The first of the seeds of a test, which its failure names.</summary>
    public static int First => Environment.GetEnvironmentVariable("ORLEANS_STANDIN_SEED") is { Length: > 0 } seed
        ? int.Parse(seed, CultureInfo.InvariantCulture) * 100_000
        : Random.Shared.Next();
}
