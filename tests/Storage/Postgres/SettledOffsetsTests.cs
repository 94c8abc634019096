using CsCheck;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Walks;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Settled offsets against a plain set, and against what the database would have been told.</summary>
public sealed class SettledOffsetsTests
{
    private const int Stored = 20_000;

    private static readonly Gen<Step> Steps = Gen.Select(
        Gen.Int[0, Stored - 1], Gen.Frequency((9, Gen.Int[0, 299]), (1, Gen.Int[0, 99_999])), Gen.Frequency((2, false), (1, true)), Gen.Int[0, 21_999], Gen.Int[0, 2_999],
        (first, count, isNext, from, length) => new Step(first, count, isNext, from, length));

    [Fact]
    public void Add_AnyRangesInAnyOrder_MatchesAPlainSet() => Steps.Array[1, 400].Walk(Check, count: 8, print: steps => string.Join('\n', steps.AsEnumerable()));

    private static void Check(Step[] steps)
    {
        var settled = new SettledOffsets(low: 0);
        var plain = new HashSet<long>();
        var stored = new Dictionary<long, byte[]>();
        foreach (var step in steps)
        {
            // Wide ranges lie where nothing is stored.
            var (first, end) = step.IsNext ? (settled.Low, Math.Min(settled.Low + (step.Count % 40), Stored)) : (step.First, step.First + step.Count);
            settled.Add(first, end, storedEnd: Stored);
            plain.UnionWith(Enumerable.Range((int)first, (int)Math.Max(0, end - first)).Select(offset => (long)offset));
            settled.TakeChanges((chunk, bits) =>
            {
                if (bits is null)
                {
                    stored.Remove(chunk);
                }
                else
                {
                    stored[chunk] = [.. bits];
                }
            });

            Assert.Equal(FirstOutside(plain, 0), settled.Low);
            var (from, until) = ((long)step.From, (long)step.From + step.Length);
            var unsettled = FirstOutside(plain, from);
            Assert.Equal(unsettled < until, settled.TryFindUnsettled(from, until, out var found, out var last));
            if (unsettled < until)
            {
                Assert.Equal(unsettled, found);
                Assert.Equal(Enumerable.Range((int)found, (int)(until - found)).Select(offset => (long)offset).FirstOrDefault(plain.Contains, until), last);
            }
        }

        // What was told to the database, with the low watermark, says the same of everything that is stored.
        var loaded = new SettledOffsets(settled.Low);
        foreach (var (chunk, bits) in stored)
        {
            loaded.Load(chunk, bits);
        }

        for (var offset = 0L; offset < Stored; offset++)
        {
            Assert.Equal(!plain.Contains(offset), loaded.TryFindUnsettled(offset, offset + 1, out _, out _));
        }
    }

    [Fact]
    public void Add_BillionsThatWereNeverStored_TakesNoTimeAndTellsTheDatabaseNothing()
    {
        var settled = new SettledOffsets(low: 0);
        settled.Add(10, 4_000_000_000, storedEnd: 0);
        settled.TakeChanges((_, _) => Assert.Fail("Nothing is stored there."));
        Assert.True(settled.TryFindUnsettled(0, 5_000_000_000, out var first, out var end));
        Assert.Equal((0, 10), (first, end));

        settled.Add(0, 10, storedEnd: 0);
        Assert.Equal(4_000_000_000, settled.Low);
    }

    [Fact]
    public void Add_AcrossBillionsThatWereNeverStored_TellsTheDatabaseOfWhatIsStoredAlone()
    {
        const long Gap = 4_000_000_000;
        var settled = new SettledOffsets(low: 0);
        settled.Add(20, Gap, storedEnd: 0);
        List<long> told = [];
        settled.Add(10, Gap + 10, storedEnd: Gap + 20);
        settled.TakeChanges((chunk, _) => told.Add(chunk));
        Assert.Equal([0, Gap >> 10], told.Order());
        Assert.True(settled.TryFindUnsettled(10, 2 * Gap, out var first, out _));
        Assert.Equal(Gap + 10, first);

        settled.Add(0, 10, storedEnd: Gap + 20);
        Assert.Equal(Gap + 10, settled.Low);
    }

    private static long FirstOutside(HashSet<long> plain, long from)
    {
        while (plain.Contains(from))
        {
            from++;
        }

        return from;
    }

    /// <summary>A range is settled, and then another one looked at.</summary>
    /// <param name="IsNext">Right behind what is settled from the start; then fewer.</param>
    private sealed record Step(int First, int Count, bool IsNext, int From, int Length);
}
