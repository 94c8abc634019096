using System.Globalization;
using Granary.Amqp;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Core.Tests.Routing;

/// <summary>Random binds, unbinds and matches, compared with <see cref="NaiveMatching"/>. A failure names the seed that repeats it.</summary>
public sealed class BindingIndexWalkTests
{
    private const int Steps = 3_000;

    private static readonly string[] Words = ["a", "b", "c", "", "*", "#", "é", "longer-word"];
    private static readonly string[] HeaderKeys = ["k", "kind", "x-k", "é", ""];
    private static readonly string[] Modes = ["all", "any", "all-with-x", "any-with-x"];

    private static readonly FieldValue[] Values =
    [
        "v", "w", "", 1, 2, 1L, FieldValue.Integer(FieldKind.OtherLong, 1), FieldValue.Integer(FieldKind.SignedByte, 1), true, false, 1.0,
        FieldValue.Float(1), FieldValue.Timestamp(1), FieldValue.Bytes("v"u8), FieldTable.Of(("n", 1)), FieldTable.Of(("n", 1L)),
        FieldTable.Of(("n", FieldValue.Integer(FieldKind.OtherLong, 1))), FieldTable.Empty, new FieldArray(1L, "v"),
        new FieldArray(FieldValue.Integer(FieldKind.OtherLong, 1), "v"), new FieldArray(), FieldValue.Void,
    ];

    public static TheoryData<string, int> TypesAndSeeds()
    {
        var data = new TheoryData<string, int>();
        foreach (var type in new[] { ExchangeTypes.Direct, ExchangeTypes.Fanout, ExchangeTypes.Topic, ExchangeTypes.Headers })
        {
            var given = Environment.GetEnvironmentVariable("GRANARY_WALK_SEED");
            var seeds = given is null ? [1, 2, 3, Random.Shared.Next()] : new[] { int.Parse(given, CultureInfo.InvariantCulture) };
            foreach (var seed in seeds)
            {
                data.Add(type, seed);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(TypesAndSeeds))]
    public void BindingIndex_RandomWalk_FindsWhatNaiveMatchingFinds(string exchangeType, int seed)
    {
        var random = new Random(seed);
        var index = new BindingIndex(exchangeType);
        var bindings = new List<Binding>();
        for (var step = 0; step < Steps; step++)
        {
            var choice = random.Next(10);
            var growing = bindings.Count < 150 + (100 * (step / 1000 % 2));
            if (choice < 3 || (choice < 5 && growing))
            {
                var binding = RandomBinding(random);
                index.Add(binding);
                bindings.Add(binding);
            }
            else if (choice < 5 && bindings.Count > 0)
            {
                var at = random.Next(bindings.Count);
                Assert.True(index.Remove(bindings[at]), $"seed {seed}, step {step}: a binding was not there.");
                bindings.RemoveAt(at);
            }
            else if (choice == 5)
            {
                var other = RandomBinding(random);
                Assert.True(bindings.Any(binding => Same(binding, other)) || !index.Remove(other), $"seed {seed}, step {step}: removed what was not there.");
            }
            else
            {
                var key = RandomKey(random);
                var headers = RandomTable(random, random.Next(4), null);
                Assert.True(
                    NaiveMatching.Match(exchangeType, bindings, key, headers).SetEquals(index.Names(key, headers)),
                    $"seed {seed}, step {step}: '{key}' {headers} differs.");
            }
        }

        foreach (var binding in bindings)
        {
            Assert.True(index.Remove(binding));
        }

        Assert.Empty(index.Names("a.b", FieldTable.Of(("k", "v"))));
    }

    // As the index sees it: what the kind of exchange does not look at may differ, so removal is only tried where nothing at all is alike.
    private static bool Same(Binding left, Binding right) => left.Destination.Name == right.Destination.Name;

    private static Binding RandomBinding(Random random)
    {
        var kind = random.Next(5) == 0 ? DestinationKind.Exchange : DestinationKind.Queue;
        var destination = new Destination(kind, $"d{random.Next(30)}", default);
        var mode = random.Next(5) == 0 ? null : Modes[random.Next(Modes.Length)];
        return new Binding(destination, RandomKey(random), EncodedTable.From(RandomTable(random, random.Next(4), mode)));
    }

    private static string RandomKey(Random random) =>
        string.Join('.', Enumerable.Range(0, random.Next(5)).Select(_ => Words[random.Next(Words.Length)]));

    private static FieldTable RandomTable(Random random, int count, string? mode)
    {
        var table = FieldTable.Empty;
        for (var i = 0; i < count; i++)
        {
            table = table.With(HeaderKeys[random.Next(HeaderKeys.Length)], Values[random.Next(Values.Length)]);
        }

        return mode is null ? table : table.With("x-match", mode);
    }
}
