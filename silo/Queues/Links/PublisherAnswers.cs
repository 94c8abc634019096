using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Links;

/// <summary>
/// What publishers are answered, each in the order in which it published. Where more comes than is stored in time, and there is little memory left, they wait for it:
/// each may have only so much without an answer (<see cref="PublishLimits"/>). Whose messages were refused waits while too many of those are to be dead-lettered.
/// </summary>
/// <param name="journal">Where what takes up the memory is written; null: nowhere, and nobody waits.</param>
internal sealed class PublisherAnswers(QueueJournal? journal)
{
    private readonly Queue<(QueueLink Link, PublishedItem Answer)> _late = new();
    private readonly HashSet<QueueLink> _waiting = [];

    /// <param name="isShortOfMemory">It waits for a turn in which there is enough.</param>
    /// <param name="mustWait">It waits for a turn in which those that were refused are sent on.</param>
    public void Give(QueueLink link, PublishedItem answer, bool isShortOfMemory, bool mustWait = false)
    {
        if (mustWait || (isShortOfMemory && journal is not null) || (_late.Count > 0 && _waiting.Contains(link)))
        {
            _late.Enqueue((link, answer));
            _waiting.Add(link);
        }
        else
        {
            link.Send(answer);
        }
    }

    /// <summary>Ends a turn that has handed over to the journal what can be stored. What cannot be holds nobody up: after the last flush nothing would happen any more.</summary>
    /// <param name="nextOffset">The offset that the next message will get.</param>
    /// <param name="isDrained">What was refused is sent on, or nearly so.</param>
    public void EndTurn(bool isShortOfMemory, long nextOffset, bool isDrained = true)
    {
        if (_late.Count == 0 || !isDrained || (isShortOfMemory && journal is not null && journal.StoredEnd < nextOffset))
        {
            return;
        }

        _waiting.Clear();
        while (_late.TryDequeue(out var late))
        {
            if (!late.Link.HasEnded)
            {
                late.Link.Send(late.Answer);
            }
        }
    }
}
