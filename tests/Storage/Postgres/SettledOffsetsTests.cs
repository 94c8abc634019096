using Granary.Silo.Storage.Postgres;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Settled offsets against a plain set, and against what the database would have been told.</summary>
public sealed class SettledOffsetsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Add_AnyRangesInAnyOrder_MatchesAPlainSet(int seed)
    {
        var random = new Random(seed);
        var settled = new SettledOffsets(low: 0);
        var plain = new HashSet<long>();
        var stored = new Dictionary<long, byte[]>();
        for (var i = 0; i < 400; i++)
        {
            var first = random.NextInt64(20_000);
            var end = first + random.Next(random.Next(10) == 0 ? 100_000 : 300);
            if (random.Next(3) == 0)
            {
                first = settled.Low;
                end = Math.Min(first + random.Next(40), 20_000);
            }

            // Wide ranges lie where nothing is stored.
            settled.Add(first, end, storedEnd: 20_000);
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
            var from = random.NextInt64(22_000);
            var until = from + random.Next(3000);
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

        for (var offset = 0L; offset < 20_000; offset++)
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

    private static long FirstOutside(HashSet<long> plain, long from)
    {
        while (plain.Contains(from))
        {
            from++;
        }

        return from;
    }
}
