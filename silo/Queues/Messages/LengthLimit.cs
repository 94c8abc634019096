using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Messages;

/// <summary>How many messages, and how many bytes of bodies, may be ready in a queue.</summary>
internal sealed class LengthLimit(QueueSettings settings)
{
    private readonly long _messages = settings.MaxLength ?? long.MaxValue;
    private readonly long _bytes = settings.MaxBytes ?? long.MaxValue;

    /// <summary>What is too much is refused; otherwise the oldest messages make room.</summary>
    public bool Refuses { get; } = settings.Overflow != Overflow.DropHead;

    public bool HasRoomFor(ReadyMessages ready, int bodyLength) => ready.Count < _messages && ready.BodyBytes <= _bytes - bodyLength;

    /// <summary>Takes out what is too much, oldest first.</summary>
    public void Trim(ReadyMessages ready, List<MessageRun> dropped)
    {
        while (ready.Count > _messages && ready.IsLoaded)
        {
            var first = ready.First;
            var count = (int)Math.Min(first.Count, ready.Count - _messages);
            dropped.Add(ready.Take(count, first.LengthOf(count)));
        }

        while (ready.BodyBytes > _bytes && ready.IsLoaded)
        {
            dropped.Add(ready.Take(1, ready.First.LengthOf(1)));
        }
    }
}
