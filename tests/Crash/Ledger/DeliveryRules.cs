using Granary.Crash.Load;

namespace Granary.Crash.Ledger;

/// <summary>What a broker owes its clients, as rules over the notes of a <see cref="CrashLedger"/>.</summary>
internal sealed class DeliveryRules(List<SentMessage>[] sent, List<long> killedAt, Faults faults)
{
    /// <summary>An acknowledgement so much older than the kill is in the store, on however slow a machine; in milliseconds.</summary>
    private const long AckSafeAfter = 5_000;

    private int Run => killedAt.Count;

    /// <summary>Which message this is. One that was never sent to this queue, or is damaged, is a fault.</summary>
    public bool TryIdentify(ConsumerSession session, ReadOnlySpan<byte> body, out MessageId id)
    {
        if (!Bodies.TryRead(body, out id))
        {
            faults.Add($"{session.Queue.Name}: a body of {body.Length} bytes is damaged; it seems to be message {id}");
            return false;
        }

        if (id.Publisher >= sent.Length || id.Number == 0 || id.Number > sent[id.Publisher].Count)
        {
            faults.Add($"{session.Queue.Name}: message {id} was delivered and never sent");
            return false;
        }

        var message = sent[id.Publisher][(int)id.Number - 1];
        if (message.Size != body.Length || !message.Route.Queues.Contains(session.Queue.Index))
        {
            faults.Add($"{session.Queue.Name}: message {id} was delivered with {body.Length} bytes; it was sent to '{message.Route.Exchange}' with '{message.Route.Key}' and {message.Size} bytes");
            return false;
        }

        return true;
    }

    /// <summary>Judges one delivery before it is noted.</summary>
    public void Judge(ConsumerSession session, MessageId id, Sighting sighting, bool redelivered)
    {
        var message = sent[id.Publisher][(int)id.Number - 1];
        var queue = session.Queue;
        void Fault(string what) => faults.Add($"{queue.Name}, run {Run}, {session.Name}: {Tell(id, queue)} {what}");

        if (message.Fate is Fate.Open or Fate.Refused or Fate.RolledBack)
        {
            Fault("was delivered");
        }

        if (!message.Persistent && message.Run < Run)
        {
            Fault("is transient, and was delivered after a restart");
        }

        if (sighting.Deliveries > 0 && !redelivered)
        {
            Fault("was delivered again without redelivered");
        }

        var mayReturn = queue.Leaving > 0 || id.Number <= queue.MayReturn.GetValueOrDefault(id.Publisher);
        if (sighting.Deliveries == 0 && redelivered && message.Run == Run && !mayReturn)
        {
            Fault("was delivered as redelivered, though nobody can have seen it");
        }

        if (sighting.IsAckCommitted)
        {
            Fault("came back after the commit of its acknowledgement");
        }
        else if (sighting.IsAcked && sighting.AckedRun == Run)
        {
            Fault("came back after its acknowledgement, without a restart");
        }
        else if (sighting.IsAcked && killedAt[sighting.AckedRun] - sighting.AckedAt > AckSafeAfter)
        {
            Fault($"came back though it was acknowledged {killedAt[sighting.AckedRun] - sighting.AckedAt} ms before the kill");
        }

        if (sighting.Holder is { } holder)
        {
            Fault($"was delivered while {holder.Name} had it");
        }

        JudgeOrder(session, id, redelivered, mayReturn || sighting.ReturnedRun == Run, Fault);
    }

    /// <summary>Judges what is missing.</summary>
    public void JudgeEnd(QueueLedger[] queues, uint[] left)
    {
        foreach (var queue in queues)
        {
            if (left[queue.Index] > 0)
            {
                faults.Add($"{queue.Name}: {left[queue.Index]} messages are left");
            }

            // A transaction counts for a queue as a whole: if one of its messages survived, all did. (Before the kill a consumer may have seen some.)
            var torn = new Dictionary<int, (int Seen, int All, bool Survived)>();
            for (var publisher = 0; publisher < sent.Length; publisher++)
            {
                for (var i = 0; i < sent[publisher].Count; i++)
                {
                    var (message, id) = (sent[publisher][i], new MessageId((ushort)publisher, (uint)i + 1));
                    if (!message.Route.Queues.Contains(queue.Index))
                    {
                        continue;
                    }

                    var sighting = queue.Sightings.GetValueOrDefault(id);
                    if (IsMissing(message, sighting))
                    {
                        faults.Add($"{queue.Name}: {Tell(id, queue)} is lost");
                    }

                    if (message.Transaction != 0 && message.Fate == Fate.Sent && message.Persistent)
                    {
                        var (seen, all, survived) = torn.GetValueOrDefault(message.Transaction);
                        torn[message.Transaction] = (seen + (sighting is null ? 0 : 1), all + 1, survived || sighting?.LastRun > message.Run);
                    }
                }
            }

            foreach (var (transaction, (seen, all, _)) in torn.Where(entry => entry.Value.Survived && entry.Value.Seen != entry.Value.All))
            {
                faults.Add($"{queue.Name}: of the {all} messages of transaction {transaction} only {seen} came");
            }
        }
    }

    public IEnumerable<string> Owed(QueueLedger[] queues) =>
        from queue in queues
        where queue.Owed > 0
        from publisher in Enumerable.Range(0, sent.Length)
        from i in Enumerable.Range(0, sent[publisher].Count)
        let id = new MessageId((ushort)publisher, (uint)i + 1)
        where sent[publisher][i] is { Persistent: true, Fate: Fate.Confirmed } && sent[publisher][i].Route.Queues.Contains(queue.Index)
        where queue.Sightings.GetValueOrDefault(id) is not { IsAcked: true }
        select $"{queue.Name}: {Tell(id, queue)} is waited for";

    /// <summary>What is known of a message, in one phrase.</summary>
    public string Tell(MessageId id, QueueLedger queue)
    {
        var message = sent[id.Publisher][(int)id.Number - 1];
        var text = $"message {id} ({message.Size} bytes{(message.Persistent ? "" : ", transient")}, sent to '{message.Route.Exchange}' in run {message.Run} at {message.At} ms"
            + $"{(message.Transaction == 0 ? "" : $" in transaction {message.Transaction}")}, {message.Fate}{(message.KnownAt == 0 ? "" : $" at {message.KnownAt} ms")}";
        if (queue.Sightings.GetValueOrDefault(id) is { } sighting)
        {
            text += $", delivered {sighting.Deliveries} times before{(sighting.ReturnedRun < 0 ? "" : $", given back in run {sighting.ReturnedRun}")}"
                + (sighting.AckedAt == 0 ? "" : $", acked in run {sighting.AckedRun} at {sighting.AckedAt} ms");
        }

        return text + ")";
    }

    private bool IsMissing(SentMessage message, Sighting? sighting) =>
        message.Fate == Fate.Confirmed && (message.Persistent || message.Run == Run) && sighting is not { IsAcked: true };

    /// <summary>Numbers of a publisher ascend, in a queue with priorities those of each priority, but for what came back.</summary>
    private static void JudgeOrder(ConsumerSession session, MessageId id, bool redelivered, bool cameBack, Action<string> fault)
    {
        var source = session.Queue.SourceOf(id);
        var highest = session.Highest.GetValueOrDefault(source);
        if (id.Number > highest)
        {
            session.Highest[source] = id.Number;
        }
        else if (!cameBack)
        {
            fault($"came after number {highest}, though nobody had given it back");
        }

        if (redelivered || cameBack)
        {
            return;
        }

        var fresh = Math.Max(session.Fresh.GetValueOrDefault(source), session.Queue.FreshBefore.GetValueOrDefault(source));
        if (id.Number <= fresh)
        {
            fault($"came for the first time after number {fresh} had");
        }

        session.Fresh[source] = Math.Max(fresh, id.Number);
    }
}
