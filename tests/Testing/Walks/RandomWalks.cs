using CsCheck;
using Granary.Testing.Unkind;

namespace Granary.Testing.Walks;

/// <summary>Random cases in other places at each run, unless GRANARY_TEST_SEED says in which.</summary>
public static class RandomWalks
{
    /// <summary>Checks that many cases. One that fails is made smaller; the failure shows it, and the seed that <c>CsCheck_Seed</c> takes to repeat it.</summary>
    /// <param name="cases">What makes them.</param>
    /// <param name="check">Fails for a wrong one.</param>
    /// <param name="count">How many.</param>
    /// <param name="threads">How many may be checked at once; as many as there are processors unless told.</param>
    /// <param name="print">A case in words.</param>
    public static void Walk<T>(this Gen<T> cases, Action<T> check, int count, int threads = -1, Func<T, string>? print = null)
    {
        if (TestSeed.OfThisRun is not { } seed)
        {
            cases.Sample(check, iter: count, threads: threads, print: print);
            return;
        }

        // CsCheck takes a seed for its first case only.
        for (var i = 0; i < count; i++)
        {
            var start = new PCG((uint)i, (ulong)(uint)seed).ToString();
            try
            {
                cases.Sample(check, iter: 1, threads: 1, seed: start, print: print);
            }
            catch (CsCheckException)
            {
                cases.Sample(check, iter: 1_000, threads: threads, seed: start, print: print);
                throw;
            }
        }
    }
}
