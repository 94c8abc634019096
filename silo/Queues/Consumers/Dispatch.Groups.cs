using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Consumers;

/// <summary>
/// Messages of one group go to one consumer as long as any of them is out (x-message-group). Who is given the first of a group, and what is in none, is the matter of the
/// rule, message by message; the rest follows it.
/// </summary>
internal sealed partial class Dispatch
{
    private void Deliver(GroupedMessages ready, DeliveryBound bound, long now)
    {
        ready.IsBlocked = false;
        if (!ready.Expire(now))
        {
            return;
        }

        if (ready.Holders.Count > 0)
        {
            foreach (var holder in ready.Holders.ToArray())
            {
                DeliverToHolder(holder, ready, bound, now);
            }
        }

        while (ready.TryFind(toHolders: true, out var message, out var holder))
        {
            if (_rule.Next() is not { } ring)
            {
                return;
            }

            if (bound.Allowed(message) == 0)
            {
                ready.NoteHeld(message);
                return;
            }

            var consumer = holder ?? ring.Turn();
            Give(consumer, message, ready, bound, now);
            DeliverToHolder(consumer, ready, bound, now);
        }

        ready.IsBlocked = true;
    }

    /// <summary>What was set aside of groups that it has the rest of.</summary>
    private void DeliverToHolder(Consumer holder, GroupedMessages ready, DeliveryBound bound, long now)
    {
        while (holder is { IsAble: true, Ring: not null } && ready.TryFindFor(holder, out var message))
        {
            if (bound.Allowed(message) == 0)
            {
                ready.NoteHeld(message);
                return;
            }

            Give(holder, message, ready, bound, now);
        }
    }

    private void Give(Consumer consumer, in MessageRun message, GroupedMessages ready, DeliveryBound bound, long now) =>
        Give(consumer, ready.Take(message, consumer, isSettled: consumer.NoAck), bound, now);
}
