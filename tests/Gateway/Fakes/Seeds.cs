using System.Globalization;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Where random walks start: another place at each run unless ORLEANS_STANDIN_SEED says where.</summary>
internal static class Seeds
{
    private static readonly string? Given = Environment.GetEnvironmentVariable("ORLEANS_STANDIN_SEED");

    /// <summary>The first of the seeds of a test, which its failure names.</summary>
    public static int First => IsUnkind ? int.Parse(Given!, CultureInfo.InvariantCulture) * 100_000 : Random.Shared.Next();

    /// <summary>Calls between grains are reordered, and answers get lost.</summary>
    public static bool IsUnkind => Given is { Length: > 0 };
}
