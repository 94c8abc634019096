namespace Granary.Core.Routing;

/// <summary>
/// Headers: the rules are filed under conditions, and a message looks up its own entries. A rule that needs all its conditions is filed
/// under one of them, the one that the fewest other rules are filed under, and the others are then checked.
/// </summary>
internal sealed class HeadersMatcher : IBindingMatcher
{
    private readonly Dictionary<byte[], HeaderRule> _rules = new(ByteKeyComparer.Instance);
    private readonly Dictionary<byte[], List<HeaderRulePlace>> _buckets = new(ByteKeyComparer.Instance);
    private readonly Dictionary<byte[], List<HeaderRulePlace>>.AlternateLookup<ReadOnlySpan<byte>> _bucketsBySpan;
    private readonly MessageHeaders _message = new();
    private readonly HeaderScratch _scratch = new();

    // Filed under nothing: all of no conditions, which always holds.
    private HeaderRule? _unconditional;
    private int _presenceConditions;

    public HeadersMatcher() => _bucketsBySpan = _buckets.GetAlternateLookup<ReadOnlySpan<byte>>();

    public bool ReadsHeaders => true;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        var rule = HeaderRule.Parse(arguments.Bytes.Span);
        if (_rules.TryGetValue(rule.Identity, out var known))
        {
            known.Targets.Add(target);
            return;
        }

        rule.Targets.Add(target);
        _rules.Add(rule.Identity, rule);
        _presenceConditions += PresenceConditionsOf(rule);
        if (rule.Any)
        {
            foreach (var condition in rule.Conditions)
            {
                File(rule, condition);
            }
        }
        else if (rule.Conditions.Length == 0)
        {
            _unconditional = rule;
        }
        else
        {
            File(rule, MostTelling(rule));
        }
    }

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        var identity = HeaderRule.Parse(arguments.Bytes.Span).Identity;
        if (!_rules.TryGetValue(identity, out var rule) || !rule.Targets.Remove(target))
        {
            return false;
        }

        if (rule.Targets.IsEmpty)
        {
            _rules.Remove(identity);
            _presenceConditions -= PresenceConditionsOf(rule);
            _unconditional = ReferenceEquals(_unconditional, rule) ? null : _unconditional;
            foreach (var place in rule.Places)
            {
                TakeOut(place);
            }
        }

        return true;
    }

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        _unconditional?.Targets.CollectInto(into);
        if (_buckets.Count == 0 || headers.IsEmpty)
        {
            return;
        }

        _message.Read(headers);
        for (var i = 0; i < _message.Count; i++)
        {
            var entry = _message.EntryAt(i, headers, out var kind);
            if (_presenceConditions > 0 && _bucketsBySpan.TryGetValue(HeaderEntry.Presence(entry), out var present))
            {
                MatchBucket(present, headers, into);
            }

            if (_bucketsBySpan.TryGetValue(HeaderEntry.Canonical(entry, kind, _scratch), out var equal))
            {
                MatchBucket(equal, headers, into);
            }
        }
    }

    private void MatchBucket(List<HeaderRulePlace> bucket, ReadOnlySpan<byte> headers, TargetCollector into)
    {
        foreach (var place in bucket)
        {
            if (place.Rule.Any || HoldsBut(place, headers))
            {
                place.Rule.Targets.CollectInto(into);
            }
        }
    }

    private bool HoldsBut(HeaderRulePlace place, ReadOnlySpan<byte> headers)
    {
        foreach (var condition in place.Rule.Conditions)
        {
            if (!ReferenceEquals(condition, place.Condition) && !_message.Satisfies(headers, condition, _scratch))
            {
                return false;
            }
        }

        return true;
    }

    private byte[] MostTelling(HeaderRule rule)
    {
        var best = rule.Conditions[0];
        var fewest = int.MaxValue;
        for (var i = 0; i < rule.Conditions.Length; i++)
        {
            var filed = _buckets.TryGetValue(rule.Conditions[i], out var bucket) ? bucket.Count : 0;

            // A value tells more than a presence, which nobody may have asked for yet only by chance.
            var cost = rule.IsPresence(i) ? filed + (int.MaxValue / 2) : filed;
            if (cost < fewest)
            {
                fewest = cost;
                best = rule.Conditions[i];
            }
        }

        return best;
    }

    private void File(HeaderRule rule, byte[] condition)
    {
        if (!_buckets.TryGetValue(condition, out var bucket))
        {
            bucket = [];
            _buckets.Add(condition, bucket);
        }

        var place = new HeaderRulePlace(bucket, rule, condition) { Position = bucket.Count };
        bucket.Add(place);
        rule.Places.Add(place);
    }

    private void TakeOut(HeaderRulePlace place)
    {
        var bucket = place.Bucket;
        var last = bucket[^1];
        bucket[place.Position] = last;
        last.Position = place.Position;
        bucket.RemoveAt(bucket.Count - 1);
        if (bucket.Count == 0)
        {
            _buckets.Remove(place.Condition);
        }
    }

    private static int PresenceConditionsOf(HeaderRule rule)
    {
        var count = 0;
        for (var i = 0; i < rule.Conditions.Length; i++)
        {
            count += rule.IsPresence(i) ? 1 : 0;
        }

        return count;
    }
}
