using Granary.Core.Access;

namespace Granary.Core.Members;

/// <summary>Which queues are meant: by patterns (<see cref="NamePattern"/>) that are found anywhere in the names of their vhosts, and in their own.</summary>
public sealed record QueueChoice(string VhostPattern, string QueuePattern)
{
    private const string Everything = ".*";

    public static readonly QueueChoice All = new(Everything, Everything);

    public bool IsAll => this == All;

    /// <summary>Without a pattern, or with an empty one, all are meant.</summary>
    public static QueueChoice Of(string? vhostPattern, string? queuePattern) => new(OrAll(vhostPattern), OrAll(queuePattern));

    /// <summary>What is wrong with a pattern; null: nothing.</summary>
    public string? Refusal() => Refusal(VhostPattern) ?? Refusal(QueuePattern);

    /// <summary>Says of a vhost and a queue in it whether it is meant.</summary>
    public Func<string, string, bool> ToFilter()
    {
        var (vhosts, queues) = (NamePattern.Parse(VhostPattern), NamePattern.Parse(QueuePattern));
        return (vhost, queue) => vhosts.Matches(vhost) && queues.Matches(queue);
    }

    private static string OrAll(string? pattern) => string.IsNullOrEmpty(pattern) ? Everything : pattern;

    private static string? Refusal(string pattern) => NamePattern.Refusal(pattern) is { } reason ? $"'{pattern}' is no regular expression: {reason}" : null;
}
