using CsCheck;
using Granary.Silo.Storage.Files;
using Granary.Testing.Walks;

namespace Granary.Storage.Tests.Files;

/// <summary>The array of blocks in which the log's index is, against a list.</summary>
public sealed class SortedArrayTests
{
    [Fact]
    public void RandomReplacements_AreThoseOfAList() => Gen.Select(Gen.Int[0, 3_000], Step.Any.Array[1, 400]).Walk(
        static walk =>
        {
            var (items, model) = Filled(walk.Item1);
            foreach (var step in walk.Item2)
            {
                step.Apply(items, model);
                Check(items, model);
            }
        },
        count: 40, print: static walk => $"{walk.Item1}\n{string.Join('\n', walk.Item2.Select(static step => step.ToString()))}");

    [Fact]
    public void Items_ThatComeAtTheEndAndGoAtTheFront_AreInTheirOrder()
    {
        var (items, model) = Filled(0);
        for (var i = 0; i < 20_000; i++)
        {
            items.Replace(items.Count, 0, [i]);
            model.Add(i);
            if (i % 3 != 0)
            {
                items.Replace(0, 1, []);
                model.RemoveAt(0);
            }
        }

        Check(items, model);
    }

    [Fact]
    public void ManyItems_GoInAnyOrder()
    {
        const int Count = 60_000;
        var (items, model) = Filled(Count);
        var random = new Random(7);
        while (model.Count > 0)
        {
            var index = random.Next(model.Count);
            Assert.Equal(model[index], items[index]);
            items.Replace(index, 1, []);
            model.RemoveAt(index);
            if (model.Count % 10_000 == 0)
            {
                Check(items, model);
            }
        }

        Assert.Equal(0, items.Count);
    }

    private static (SortedArray<int> Items, List<int> Model) Filled(int count)
    {
        var items = new SortedArray<int>();
        for (var i = 0; i < count; i++)
        {
            items.Replace(i, 0, [i]);
        }

        return (items, [.. Enumerable.Range(0, count)]);
    }

    private static void Check(SortedArray<int> items, List<int> model)
    {
        Assert.Equal(model.Count, items.Count);
        for (var i = 0; i < model.Count; i++)
        {
            Assert.Equal(model[i], items[i]);
        }
    }

    /// <summary>Places are shares of all that is there, in thousandths. With a modulus above 0 it removes all that it divides.</summary>
    private sealed record Step(int Place, int Removed, int Added, int Modulus)
    {
        public static readonly Gen<Step> Any = Gen.Frequency(
            (20, Gen.Select(Gen.Int[0, 1_000], Gen.Int[0, 3], Gen.Int[0, 3], static (place, removed, added) => new Step(place, removed, added, 0))),
            (3, Gen.Select(Gen.Int[0, 1_000], Gen.Int[0, 900], static (place, removed) => new Step(place, removed, 0, 0))),
            (3, Gen.Select(Gen.Int[0, 1_000], Gen.Int[0, 700], static (place, added) => new Step(place, 0, added, 0))),
            (1, Gen.Int[2, 9].Select(static modulus => new Step(0, 0, 0, modulus))));

        public void Apply(SortedArray<int> items, List<int> model)
        {
            if (Modulus > 0)
            {
                items.RemoveAll(item => item % Modulus == 0);
                model.RemoveAll(item => item % Modulus == 0);
                return;
            }

            var index = (int)((long)model.Count * Place / 1_000);
            var removed = Math.Min(Removed, model.Count - index);
            int[] added = [.. Enumerable.Range(model.Count * 7, Added)];
            items.Replace(index, removed, added);
            model.RemoveRange(index, removed);
            model.InsertRange(index, added);
        }
    }
}
