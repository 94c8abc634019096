using Granary.Amqp;

namespace Granary.Core.Policies;

/// <summary>Which messages of a quorum queue wait before they are delivered again.</summary>
public enum RetryKind
{
    /// <summary>All that come back.</summary>
    All,

    /// <summary>Those whose delivery failed: rejected to be requeued (basic.reject), or held by a channel, connection or consumer that ended.</summary>
    Failed,

    /// <summary>Those that were given back (basic.nack or basic.recover, with requeue).</summary>
    Returned,
}

/// <summary>How long messages of a quorum queue that came back wait until they are delivered again: from RabbitMQ 4.3 on (rabbit_quorum_queue, rabbit_fifo).</summary>
/// <param name="Least">Milliseconds, above 0: so long after the first return, twice as long after the second, and so on.</param>
/// <param name="Most">But no longer than so many milliseconds.</param>
public sealed record DelayedRetry(RetryKind Kind, long Least, long Most)
{
    /// <summary>A hundred years.</summary>
    private const long ForEver = 100L * 365 * 24 * 60 * 60 * 1_000;

    /// <summary>
    /// What arguments and a policy say. Of the type a policy's is gone by before an argument's, of the times the lesser. Null: messages do not wait, as nobody says that
    /// they are to, or not how long, or not in a way that is understood (get_delayed_retry_config).
    /// </summary>
    public static DelayedRetry? Of(FieldTable arguments, PolicyDefinition policy)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(policy);
        var type = policy.Text("delayed-retry-type") ?? (arguments.TryGetValue("x-delayed-retry-type", out var value) && value.TryGetText(out var text) ? text : null);
        RetryKind? kind = type switch
        {
            "all" => RetryKind.All,
            "failed" => RetryKind.Failed,
            "returned" => RetryKind.Returned,
            _ => null,
        };
        if (kind is null || Time("delayed-retry-min") is not { } least || least <= 0)
        {
            return null;
        }

        var most = Time("delayed-retry-max") is { } set and > 0 ? set : least;
        return new DelayedRetry(kind.Value, least, most);

        long? Time(string name)
        {
            var argument = arguments.TryGetValue($"x-{name}", out var value) && value.TryGetInteger(out var number) ? number : (long?)null;
            return policy.Number(name) is { } ofPolicy && (argument is null || ofPolicy < argument) ? ofPolicy : argument;
        }
    }

    /// <summary>How long a message waits, in milliseconds; null: not at all.</summary>
    /// <param name="returns">How often it came back, this time included.</param>
    /// <param name="hasFailed">See <see cref="RetryKind.Failed"/>.</param>
    public long? DelayOf(int returns, bool hasFailed) =>
        Kind == (hasFailed ? RetryKind.Returned : RetryKind.Failed) ? null
        : Math.Min(Least > Most / returns ? Most : Least * returns, ForEver);

    /// <summary>As RabbitMQ shows it.</summary>
    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()} (min: {Least}ms, max: {Most}ms)";
}
