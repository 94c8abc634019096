using CsCheck;
using Granary.Amqp;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Core.Tests.Routing;

/// <summary>Random binds, unbinds and matches, compared with <see cref="NaiveMatching"/>.</summary>
public sealed class BindingIndexWalkTests
{
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

    private static readonly Gen<string> Key = Gen.OneOf(Words).Array[0, 4].Select(words => string.Join('.', words));

    private static readonly Gen<FieldTable> Headers = Gen.Select(Gen.OneOf(HeaderKeys), Gen.OneOf(Values)).Array[0, 3]
        .Select(entries => entries.Aggregate(FieldTable.Empty, (table, entry) => table.With(entry.Item1, entry.Item2)));

    private static readonly Gen<Binding> AnyBinding = Gen.Select(
        Gen.Frequency((4, DestinationKind.Queue), (1, DestinationKind.Exchange)), Gen.Int[0, 29], Key, Headers, Gen.Frequency((1, Gen.Const("")), (4, Gen.OneOf(Modes))),
        (kind, number, key, headers, mode) => new Binding(
            new Destination(kind, $"d{number}", default), key, EncodedTable.From(mode.Length == 0 ? headers : headers.With("x-match", mode))));

    [Theory]
    [InlineData(ExchangeTypes.Direct)]
    [InlineData(ExchangeTypes.Fanout)]
    [InlineData(ExchangeTypes.Topic)]
    [InlineData(ExchangeTypes.Headers)]
    public void BindingIndex_AnyBindsAndUnbinds_FindsWhatNaiveMatchingFinds(string exchangeType) =>
        AnyBinding.Array[0, 250].Select(bindings => (new Indexed(exchangeType, bindings), new Listed(exchangeType, bindings))).SampleModelBased(
            [
                AnyBinding.Operation<Indexed, Listed>(binding => $"bind {Describe(binding)}", (indexed, binding) => indexed.Add(binding), (listed, binding) => listed.Bindings.Add(binding)),
                Gen.Int[0, 999].Operation<Indexed, Listed>(at => $"unbind {at}", (indexed, at) => indexed.Remove(at), (listed, at) => listed.Remove(at)),
                AnyBinding.Operation<Indexed, Listed>(binding => $"unbind {Describe(binding)}", (indexed, binding) => indexed.RemoveOther(binding), (_, _) => { }),
                Gen.Select(Key, Headers).Operation<Indexed, Listed>(
                    message => $"match '{message.Item1}' {message.Item2}",
                    (indexed, message) => indexed.Match(message.Item1, message.Item2), (listed, message) => listed.Match(message.Item1, message.Item2)),
            ],
            equal: (indexed, listed) => indexed.Found.SetEquals(listed.Found),
            iter: 400,
            printActual: indexed => $"found {string.Join(", ", indexed.Found)}",
            printModel: listed => $"{string.Join("; ", listed.Bindings.Select(Describe))}; found {string.Join(", ", listed.Found)}");

    [Theory]
    [InlineData(ExchangeTypes.Direct)]
    [InlineData(ExchangeTypes.Fanout)]
    [InlineData(ExchangeTypes.Topic)]
    [InlineData(ExchangeTypes.Headers)]
    public void BindingIndex_EveryBindingRemovedInAnyOrder_IsEmpty(string exchangeType) =>
        AnyBinding.Array[0, 250].SelectMany(bindings => Gen.Shuffle(bindings).Select(shuffled => (bindings, shuffled))).Sample(
            walk =>
            {
                var index = new Indexed(exchangeType, walk.bindings).Index;
                return walk.shuffled.All(index.Remove) && index.Names("a.b", FieldTable.Of(("k", "v"))).Count == 0;
            });

    private static string Describe(Binding binding) => $"{binding.Destination.Kind} {binding.Destination.Name} by '{binding.RoutingKey}' {binding.Arguments.Decode()}";

    private sealed class Indexed(string exchangeType, Binding[] bindings)
    {
        private readonly List<Binding> _held = [.. bindings];

        public BindingIndex Index { get; } = Fill(new BindingIndex(exchangeType), bindings);

        public SortedSet<string> Found { get; private set; } = [];

        public void Add(Binding binding)
        {
            Index.Add(binding);
            _held.Add(binding);
        }

        public void Remove(int at)
        {
            if (_held.Count > 0)
            {
                Assert.True(Index.Remove(_held[at % _held.Count]), "A binding was not there.");
                _held.RemoveAt(at % _held.Count);
            }
        }

        // What the kind of exchange does not look at may differ, so removal is only tried where nothing at all is alike.
        public void RemoveOther(Binding other) =>
            Assert.True(_held.Exists(binding => binding.Destination.Name == other.Destination.Name) || !Index.Remove(other), "Removed what was not there.");

        public void Match(string key, FieldTable headers) => Found = Index.Names(key, headers);

        private static BindingIndex Fill(BindingIndex index, Binding[] bindings)
        {
            foreach (var binding in bindings)
            {
                index.Add(binding);
            }

            return index;
        }
    }

    private sealed class Listed(string exchangeType, Binding[] bindings)
    {
        public List<Binding> Bindings { get; } = [.. bindings];

        public SortedSet<string> Found { get; private set; } = [];

        public void Remove(int at)
        {
            if (Bindings.Count > 0)
            {
                Bindings.RemoveAt(at % Bindings.Count);
            }
        }

        public void Match(string key, FieldTable headers) => Found = NaiveMatching.Match(exchangeType, Bindings, key, headers);
    }
}
