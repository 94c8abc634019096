using System.Globalization;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>How much hostile input is made up, and from which seed.</summary>
internal static class Fuzzing
{
    /// <summary>GRANARY_TEST_FUZZ_SEED (1 unless told): the same seed makes up the same input.</summary>
    public static int Seed { get; } = Number("GRANARY_TEST_FUZZ_SEED", 1);

    /// <summary>GRANARY_TEST_FUZZ: how often each operation or call is made.</summary>
    /// <param name="otherwise">If it is not told.</param>
    public static int Rounds(int otherwise) => Number("GRANARY_TEST_FUZZ", otherwise);

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
