using Granary.Amqp;

namespace Granary.Core.Policies;

/// <summary>How often a message of a quorum queue may come back.</summary>
public static class DeliveryLimits
{
    /// <summary>Of queues that do not say otherwise, as in RabbitMQ from 4.0 on.</summary>
    private const long Standard = 20;

    /// <summary>Of an argument and a policy the lesser, or if one of them is negative the greater. Null: for ever, which is what a negative limit stands for, and what is no number.</summary>
    public static long? Of(FieldTable arguments, PolicyDefinition policy)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(policy);
        var isSaid = arguments.TryGetValue("x-delivery-limit", out var value);
        var argument = !isSaid ? (long?)null : value.TryGetInteger(out var number) ? number : -1;
        var limit = (argument, policy.Number("delivery-limit")) switch
        {
            (null, null) => Standard,
            (null, { } set) => set,
            ({ } own, null) => own,
            ({ } own, { } set) => own < 0 || set < 0 ? Math.Max(own, set) : Math.Min(own, set),
        };
        return limit < 0 ? null : limit;
    }
}
