using System.Globalization;
using System.Text;

namespace Granary.Differ.Tests.Walk;

/// <summary>How much is compared, from the environment: differ.sh sets it.</summary>
internal static class WalkSettings
{
    private const int Usual = 30;

    private static readonly Lock Gate = new();

    /// <summary>GRANARY_TEST_DIFFER_SEED: of the first sequence; the others' are those that follow.</summary>
    public static int FirstSeed { get; } = Setting("GRANARY_TEST_DIFFER_SEED", 1);

    /// <summary>GRANARY_TEST_DIFFER_SEQUENCES: of operations over AMQP.</summary>
    public static int Sequences { get; } = Setting("GRANARY_TEST_DIFFER_SEQUENCES", Usual);

    /// <summary>GRANARY_TEST_DIFFER_WALKERS: how many sequences there are at a time.</summary>
    public static int Walkers { get; } = Setting("GRANARY_TEST_DIFFER_WALKERS", 8);

    /// <summary>What is asked of another test, of which there are so many in a run of the usual length.</summary>
    public static int Share(int usual) => Math.Max(1, usual * Sequences / Usual);

    /// <summary>Appends to the file that GRANARY_TEST_DIFFER_REPORT names, if it does: what a long run has found so far.</summary>
    public static void Report(IEnumerable<string> found)
    {
        if (Environment.GetEnvironmentVariable("GRANARY_TEST_DIFFER_REPORT") is { Length: > 0 } report)
        {
            lock (Gate)
            {
                File.AppendAllLines(report, found, new UTF8Encoding(false));
            }
        }
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
