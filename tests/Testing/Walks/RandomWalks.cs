using CsCheck;
using Granary.Testing.Unkind;

namespace Granary.Testing.Walks;

/// <summary>Random cases in other places at each run, unless GRANARY_TEST_SEED says in which.</summary>
public static class RandomWalks
{
    // How many smaller cases are looked at when one has failed.
    private const int Smaller = 20_000;

    // One after the other: cases may share what their test has.
    private const int Threads = 1;

    /// <summary>Checks that many cases. One that fails is made smaller; the failure shows it, and the seed that <c>CsCheck_Seed</c> takes to repeat it.</summary>
    /// <param name="cases">What makes them.</param>
    /// <param name="check">Fails for a wrong one.</param>
    /// <param name="count">How many.</param>
    /// <param name="print">A case in words.</param>
    /// <param name="seconds">How long smaller cases are looked for, where each takes so long that a number of them says little.</param>
    public static void Walk<T>(this Gen<T> cases, Action<T> check, int count, Func<T, string>? print = null, int seconds = -1)
    {
        ArgumentNullException.ThrowIfNull(cases);
        ArgumentNullException.ThrowIfNull(check);
        if (Check.Seed is not null)
        {
            // A case that failed once.
            cases.Sample(check, iter: Smaller, time: seconds, threads: Threads, print: print);
            return;
        }

        var seed = (ulong?)(uint?)TestSeed.OfThisRun ?? (ulong)Random.Shared.NextInt64();
        for (var i = 0; i < count; i++)
        {
            var start = new PCG((uint)i, seed);
            var repeat = start.ToString();
            try
            {
                check(cases.Generate(start, null, out _));
            }
            catch (Exception)
            {
                cases.Sample(check, iter: Smaller, time: seconds, threads: Threads, seed: repeat, print: print);
                throw;
            }
        }
    }
}
