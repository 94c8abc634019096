using System.Globalization;
using Granary.Amqp;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>
/// x-consistent-hash: each message to one destination, by the hash of its routing key, of a header or of a property. A destination has a share of all hashes that
/// is as large as its weight, the binding's key. It follows from the set of bindings alone which destination that is (weighted rendezvous hashing), so that all
/// gateways agree whenever they learnt of which binding; one that comes takes a part of each other's share, and one that goes leaves its share to all others.
/// </summary>
internal sealed class ConsistentHashMatcher : IBindingMatcher
{
    // What a message hashes to that lacks what is hashed: all of these go to one destination, as in RabbitMQ.
    private static readonly ulong Missing = StableHash.Of("undefined"u8);

    private readonly Dictionary<RouteTarget, Place> _places = [];
    private readonly byte[]? _header;
    private readonly BasicProperty _property;

    public ConsistentHashMatcher(FieldTable arguments)
    {
        _header = arguments.TryGetValue(HashExchangeRules.Header, out var header) && header.TryGetBytes(out var name) ? name.ToArray() : null;
        _property = arguments.TryGetValue(HashExchangeRules.Property, out var property) && property.TryGetText(out var text) ? HashExchangeRules.PropertyNamed(text) : default;
    }

    public bool ReadsHeaders => _header is not null;

    public bool FollowsFromKey => _header is null && _property == default;

    public bool TakesOneKey => true;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        if (!_places.TryGetValue(target, out var place))
        {
            place = new Place(target);
            _places.Add(target, place);
        }

        place.Weights.Add(WeightOf(routingKey));
    }

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        if (!_places.TryGetValue(target, out var place) || !place.Weights.Remove(WeightOf(routingKey)))
        {
            return false;
        }

        if (place.Weights.Count == 0)
        {
            _places.Remove(target);
        }

        return true;
    }

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        var hash = _header is { } name ? HashOfHeader(headers, name) : _property != default ? HashOfProperty(properties) : StableHash.Of(routingKey);
        RouteTarget? best = null;
        var bestScore = double.NegativeInfinity;
        var bestSeed = 0UL;
        foreach (var (target, place) in _places)
        {
            var score = place.ScoreOf(hash);
            if (score > bestScore || (score == bestScore && place.Seed > bestSeed))
            {
                (best, bestScore, bestSeed) = (target, score, place.Seed);
            }
        }

        if (best is not null)
        {
            into.Add(best);
        }
    }

    private static long WeightOf(ReadOnlySpan<byte> routingKey) => long.TryParse(routingKey, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var weight) ? weight : 1;

    private static ulong HashOfHeader(ReadOnlySpan<byte> headers, byte[] name)
    {
        var reader = new FieldTableReader(headers, MethodId.BasicPublish);
        return !reader.MoveTo(name) ? Missing : reader.TryGetInteger(out var number) ? StableHash.Of(number) : StableHash.Of(reader.Value);
    }

    private ulong HashOfProperty(ReadOnlySpan<byte> properties)
    {
        if (properties.IsEmpty)
        {
            return Missing;
        }

        var view = BasicPropertiesView.Read(properties);
        if (_property == BasicProperty.Timestamp)
        {
            return view.TryGetTimestamp(out var seconds) ? StableHash.Of((long)seconds) : Missing;
        }

        return view.TryGetText(_property, out var text) ? StableHash.Of(text) : Missing;
    }

    private sealed class Place(RouteTarget target)
    {
        public ulong Seed { get; } = StableHash.Of(System.Text.Encoding.UTF8.GetBytes($"{(target.Kind == DestinationKind.Queue ? 'q' : 'x')} {target.Name}"));

        /// <summary>Of the bindings that lead there: the largest counts.</summary>
        public SortedBag Weights { get; } = new();

        /// <summary>The highest is the one that gets the message: so each does as often as its weight says.</summary>
        public double ScoreOf(ulong hash)
        {
            // Above 0, and below 1.
            var even = ((StableHash.Of(hash, Seed) >> 11) + 0.5) / (1UL << 53);
            return Math.Log(even) / Weights.Largest;
        }
    }

    /// <summary>Numbers, of which the largest is known.</summary>
    private sealed class SortedBag
    {
        private readonly List<long> _numbers = [];

        public int Count => _numbers.Count;

        public long Largest => _numbers[^1];

        public void Add(long number)
        {
            var at = _numbers.BinarySearch(number);
            _numbers.Insert(at < 0 ? ~at : at, number);
        }

        public bool Remove(long number) => _numbers.Remove(number);
    }
}
