using Granary.Amqp;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// The x-death header: one entry per queue and reason, the newest first (RabbitMQ's mc:record_death and rabbit_dead_letter:detect_cycles).
/// </summary>
internal static class DeathHistory
{
    public const string Header = "x-death";

    private const string Count = "count";
    private const string Queue = "queue";
    private const string Reason = "reason";

    /// <summary>The reason as it stands in headers.</summary>
    public static string NameOf(DeathReason reason) => reason switch
    {
        DeathReason.Rejected => "rejected",
        DeathReason.Expired => "expired",
        DeathReason.MaxLength => "maxlen",
        DeathReason.DeliveryLimit => "delivery_limit",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "Not a reason."),
    };

    /// <summary>With one more death. One that is known from before counts up and comes first; what else was recorded then stays.</summary>
    /// <param name="details">What is recorded at the first death in this queue for this reason.</param>
    public static FieldArray Add(FieldArray earlier, string queue, DeathReason reason, params ReadOnlySpan<(string Key, FieldValue Value)> details)
    {
        var deaths = earlier.ToList();
        var known = deaths.FindIndex(death => Is(death, Queue, queue) && Is(death, Reason, NameOf(reason)));
        FieldTable entry;
        if (known >= 0 && deaths[known].TryGetTable(out var table))
        {
            entry = table.With(Count, CountOf(table) + 1);
            deaths.RemoveAt(known);
        }
        else
        {
            entry = FieldTable.Of([(Count, 1L), (Reason, NameOf(reason)), (Queue, queue), .. details]);
        }

        return new FieldArray([entry, .. deaths]);
    }

    /// <summary>Whether the message was in this queue before and nobody has rejected it since: it would go round for ever.</summary>
    public static bool LeadsRound(FieldArray deaths, string target)
    {
        foreach (var death in deaths)
        {
            if (Is(death, Reason, NameOf(DeathReason.Rejected)))
            {
                return false;
            }

            if (Is(death, Queue, target))
            {
                return true;
            }
        }

        return false;
    }

    private static long CountOf(FieldTable death) => death.TryGetValue(Count, out var value) && value.TryGetInteger(out var count) ? count : 0;

    private static bool Is(FieldValue death, string key, string text) =>
        death.TryGetTable(out var table) && table.TryGetValue(key, out var value) && value.TryGetText(out var found) && found == text;
}
