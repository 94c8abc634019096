using Granary.Amqp;

namespace Granary.Core;

/// <summary>A refusal in AMQP's terms; whether it ends the channel or the connection follows from the code.</summary>
/// <param name="Code">One of RabbitMQ's reply codes.</param>
/// <param name="Explanation">The text after "NAME - ", word for word as RabbitMQ says it.</param>
[GenerateSerializer, Immutable, Alias("granary.BrokerError")]
public sealed record BrokerError([property: Id(0)] ReplyCode Code, [property: Id(1)] string Explanation)
{
    /// <summary>What names begin with that the broker gives, and that clients may not.</summary>
    public const string ReservedPrefix = "amq.";

    /// <summary>Nobody could be asked: it does not mean that there is no such queue or exchange.</summary>
    [Id(2)]
    public bool IsOutOfReach { get; init; }

    /// <summary>There is no such queue or exchange.</summary>
    public bool SaysMissing => Code == ReplyCode.NotFound && !IsOutOfReach;

    /// <param name="kind">queue or exchange.</param>
    /// <param name="name">One that begins with <see cref="ReservedPrefix"/>.</param>
    public static BrokerError ReservedName(string kind, string name) => new(ReplyCode.AccessRefused, $"{kind} name '{name}' contains reserved prefix 'amq.*'");

    public static BrokerError NoQueue(string vhost, string queue) => new(ReplyCode.NotFound, $"no queue '{queue}' in vhost '{vhost}'");

    public static BrokerError NoExchange(string vhost, string exchange) =>
        new(ReplyCode.NotFound, $"no exchange '{exchange}' in vhost '{vhost}'");

    public static BrokerError QueueLocked(string vhost, string queue) => new(
        ReplyCode.ResourceLocked,
        $"cannot obtain exclusive access to locked queue '{queue}' in vhost '{vhost}'. It could be originally declared on another connection " +
        "or the exclusive property value does not match that of the original declaration.");

    public static BrokerError QueueInExclusiveUse(string vhost, string queue) =>
        new(ReplyCode.AccessRefused, $"queue '{queue}' in vhost '{vhost}' in exclusive use");

    /// <summary>Another node has the queue, or had it a moment ago.</summary>
    public static BrokerError QueueElsewhere(string vhost, string queue) =>
        new(ReplyCode.NotFound, $"home node 'another' of durable queue '{queue}' in vhost '{vhost}' is down or inaccessible") { IsOutOfReach = true };

    /// <summary>The queue does not answer, wherever it is.</summary>
    public static BrokerError QueueOutOfReach(string vhost, string queue) =>
        new(ReplyCode.NotFound, $"queue '{queue}' in vhost '{vhost}' is down or inaccessible") { IsOutOfReach = true };

    /// <summary>The exchange does not answer, wherever it is.</summary>
    public static BrokerError ExchangeOutOfReach(string vhost, string exchange) =>
        new(ReplyCode.NotFound, $"exchange '{exchange}' in vhost '{vhost}' is down or inaccessible") { IsOutOfReach = true };

    /// <summary>What the user may do is not known, and nobody answers.</summary>
    public static BrokerError RightsOutOfReach(string vhost, string user) =>
        new(ReplyCode.NotFound, $"the permissions of user '{user}' in vhost '{vhost}' are down or inaccessible") { IsOutOfReach = true };

    /// <summary>406 with the two sides as RabbitMQ prints them, e.g. received <c>'false'</c>, current <c>'true'</c> or <c>none</c>.</summary>
    public static BrokerError InequivalentArgument(string argument, string kind, string name, string vhost, string received, string current) =>
        new(ReplyCode.PreconditionFailed, $"inequivalent arg '{argument}' for {kind} '{name}' in vhost '{vhost}': received {received} but current is {current}");
}
