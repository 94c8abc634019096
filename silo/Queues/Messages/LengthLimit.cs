using Granary.Core.Messages;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Messages;

/// <summary>How many messages, and how many bytes of bodies, may be in a queue that nobody holds.</summary>
/// <param name="retries">Of these messages, those that cannot be taken yet. They are not dropped, but take up room.</param>
internal sealed class LengthLimit(QueueSettings settings, WaitingRetries? retries = null)
{
    private readonly long _messages = settings.MaxLength ?? long.MaxValue;
    private readonly long _bytes = settings.MaxBytes ?? long.MaxValue;

    /// <summary>What is too much is refused; otherwise the first messages make room.</summary>
    public bool Refuses { get; } = settings.Overflow != Overflow.DropHead;

    public bool HasRoomFor(IReadyMessages ready, int bodyLength) => CountOf(ready) < _messages && BodiesOf(ready) <= _bytes - bodyLength;

    /// <summary>Room for all of them, or for none.</summary>
    public bool HasRoomFor(IReadyMessages ready, IReadOnlyCollection<MessageBatch> batches)
    {
        long messages = 0, bodies = 0;
        foreach (var batch in batches)
        {
            messages += batch.Count;
            bodies += _bytes == long.MaxValue ? 0 : new MessageRun(batch.Records, 0, batch.Count, Redelivered: false, batch.Flags, Since: 0).BodyLength();
        }

        return messages == 0 || (CountOf(ready) <= _messages - messages && BodiesOf(ready) <= _bytes - bodies);
    }

    /// <summary>
    /// Takes out what is too much, in the order in which it would be given out: in RabbitMQ, too, a queue with priorities drops the highest first. What is not in memory
    /// comes back before it goes, unless nobody wants it.
    /// </summary>
    /// <param name="gone">Told of messages that went unread: the first offset of each stretch of them, and the one after it. Null: what is dropped is wanted.</param>
    /// <returns>How many went unread.</returns>
    public long Trim(IReadyMessages ready, List<MessageRun> dropped, Action<long, long>? gone = null)
    {
        var skipped = 0L;
        while (true)
        {
            for (var excess = CountOf(ready) - _messages; excess > 0 && ready.Top is { IsLoaded: true } top;)
            {
                var first = top.First;
                var count = (int)Math.Min(first.Count, excess);
                dropped.Add(top.Take(count, first.LengthOf(count)));
                excess -= count;
            }

            while (BodiesOf(ready) > _bytes && ready.Top is { IsLoaded: true } top)
            {
                dropped.Add(top.Take(1, top.First.LengthOf(1)));
            }

            var more = gone is null ? 0 : Skip(ready, gone);
            if (more == 0)
            {
                return skipped;
            }

            skipped += more;
        }
    }

    private long CountOf(IReadyMessages ready) => ready.Count + (retries?.Count ?? 0);

    private long BodiesOf(IReadyMessages ready) => ready.BodyBytes + (retries?.Bodies ?? 0);

    private long Skip(IReadyMessages ready, Action<long, long> gone)
    {
        if (CountOf(ready) <= _messages && BodiesOf(ready) <= _bytes)
        {
            return 0;
        }

        var top = ready.Top;
        var count = BodiesOf(ready) - top.PagedBodies > _bytes ? long.MaxValue : CountOf(ready) - _messages;
        return top.SkipPaged(Math.Max(0, count), Math.Max(0, BodiesOf(ready) - _bytes), gone);
    }
}
