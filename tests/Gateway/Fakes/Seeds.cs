using System.Globalization;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Where random walks start: another place at each run unless GRANARY_TEST_SEED says where.</summary>
internal static class Seeds
{
    private static readonly string? Given = Environment.GetEnvironmentVariable("GRANARY_TEST_SEED");

    /// <summary>The first of the seeds of a test, which its failure names.</summary>
    public static int First => Given is { Length: > 0 } ? int.Parse(Given!, CultureInfo.InvariantCulture) * 100_000 : Random.Shared.Next();
}
