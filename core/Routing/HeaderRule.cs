using Granary.Amqp;

namespace Granary.Core.Routing;

/// <summary>
/// What the arguments of a binding of a headers exchange ask for: conditions, each the canonical entry that a message must have, or only the
/// key for presence. Bindings that ask for the same share one rule.
/// </summary>
internal sealed class HeaderRule
{
    private HeaderRule(bool any, byte[][] conditions, byte[] identity)
    {
        Any = any;
        Conditions = conditions;
        Identity = identity;
    }

    /// <summary>One condition is enough; otherwise all must hold.</summary>
    public bool Any { get; }

    public byte[][] Conditions { get; }

    /// <summary>Equal for rules that ask for the same.</summary>
    public byte[] Identity { get; }

    public TargetCounts Targets { get; } = new();

    /// <summary>Where the rule is filed, one place per condition when any is enough, otherwise one place.</summary>
    public List<HeaderRulePlace> Places { get; } = [];

    /// <summary>Reads binding arguments; unknown kinds of <c>x-match</c> count as <c>all</c>, as in RabbitMQ: they are refused at the door.</summary>
    public static HeaderRule Parse(ReadOnlySpan<byte> arguments)
    {
        var any = false;
        var withX = false;
        var match = new FieldTableReader(arguments);
        if (match.MoveTo("x-match"u8) && match.Kind == FieldKind.LongString)
        {
            withX = match.Value.EndsWith("-with-x"u8);
            any = match.Value.StartsWith("any"u8);
        }

        var conditions = new List<byte[]>();
        var scratch = new HeaderScratch();
        var reader = new FieldTableReader(arguments);
        while (reader.MoveNext())
        {
            if (withX ? reader.Key.SequenceEqual("x-match"u8) : reader.Key.StartsWith("x-"u8))
            {
                continue;
            }

            var entry = arguments[reader.Start..reader.End];
            var condition = reader.Kind == FieldKind.Void ? HeaderEntry.Presence(entry) : HeaderEntry.Canonical(entry, reader.Kind, scratch);
            conditions.Add(condition.ToArray());
        }

        conditions.Sort(static (left, right) => left.AsSpan().SequenceCompareTo(right));
        return new HeaderRule(any, [.. conditions], [(byte)(any ? 1 : 0), .. conditions.SelectMany(condition => condition)]);
    }

    public bool IsPresence(int condition) => Conditions[condition].Length == 1 + Conditions[condition][0];
}

/// <summary>Where a rule stands in a bucket, so that it is taken out without a search.</summary>
internal sealed class HeaderRulePlace(List<HeaderRulePlace> bucket, HeaderRule rule, byte[] condition)
{
    public List<HeaderRulePlace> Bucket { get; } = bucket;

    public HeaderRule Rule { get; } = rule;

    /// <summary>Under which condition the bucket is found.</summary>
    public byte[] Condition { get; } = condition;

    public int Position { get; set; }
}
