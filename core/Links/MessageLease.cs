namespace Granary.Core.Links;

/// <summary>
/// The lease of a delivery: how long a consumer, or who got the message, may keep it without settling it. Then it goes back to its place in the queue, and what is
/// said of it later is ignored. The gateway keeps the time, from when the delivery is given to the client.
/// </summary>
public static class MessageLease
{
    /// <summary>The argument of queues and of consumers, in milliseconds.</summary>
    public const string Argument = "x-message-lease";

    /// <summary>Ten years in milliseconds, as for all times of queues.</summary>
    public const long Longest = 315_360_000_000;

    /// <summary>What a consumer asks for; null: as long as its queue says. Whether that may be asked for is the queue's to say.</summary>
    public static TimeSpan? Of(EncodedTable arguments) =>
        !arguments.IsEmpty && arguments.Decode().TryGetValue(Argument, out var value) && value.TryGetInteger(out var milliseconds) && milliseconds is > 0 and <= Longest
            ? TimeSpan.FromMilliseconds(milliseconds)
            : null;
}
