using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Messages;

/// <summary>How many messages, and how many bytes of bodies, may be ready in a queue.</summary>
internal sealed class LengthLimit(QueueSettings settings)
{
    private readonly long _messages = settings.MaxLength ?? long.MaxValue;
    private readonly long _bytes = settings.MaxBytes ?? long.MaxValue;

    /// <summary>What is too much is refused; otherwise the first messages make room.</summary>
    public bool Refuses { get; } = settings.Overflow != Overflow.DropHead;

    public bool HasRoomFor(IReadyMessages ready, int bodyLength) => ready.Count < _messages && ready.BodyBytes <= _bytes - bodyLength;

    /// <summary>Takes out what is too much, in the order in which it would be given out: in RabbitMQ, too, a queue with priorities drops the highest first.</summary>
    public void Trim(IReadyMessages ready, List<MessageRun> dropped)
    {
        for (var excess = ready.Count - _messages; excess > 0 && ready.Top is { IsLoaded: true } top;)
        {
            var first = top.First;
            var count = (int)Math.Min(first.Count, excess);
            dropped.Add(top.Take(count, first.LengthOf(count)));
            excess -= count;
        }

        while (ready.BodyBytes > _bytes && ready.Top is { IsLoaded: true } top)
        {
            dropped.Add(top.Take(1, top.First.LengthOf(1)));
        }
    }
}
