using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Links;

/// <summary>
/// What publishers are answered, in the order in which they published. Where more comes than is stored in time, and there is little memory left, they wait for it:
/// each may have only so much without an answer (<see cref="PublishLimits"/>).
/// </summary>
/// <param name="journal">Where what takes up the memory is written; null: nowhere, and nobody waits.</param>
internal sealed class PublisherAnswers(QueueJournal? journal)
{
    private readonly Queue<(QueueLink Link, PublishedItem Answer)> _late = new();

    /// <param name="isShortOfMemory">It waits for a turn in which there is enough, and so do all after it.</param>
    public void Give(QueueLink link, PublishedItem answer, bool isShortOfMemory)
    {
        if (_late.Count > 0 || (isShortOfMemory && journal is not null))
        {
            _late.Enqueue((link, answer));
        }
        else
        {
            link.Send(answer);
        }
    }

    /// <summary>Ends a turn that has handed over to the journal what can be stored. What cannot be holds nobody up: after the last flush nothing would happen any more.</summary>
    /// <param name="nextOffset">The offset that the next message will get.</param>
    public void EndTurn(bool isShortOfMemory, long nextOffset)
    {
        if (_late.Count == 0 || (isShortOfMemory && journal!.StoredEnd < nextOffset))
        {
            return;
        }

        while (_late.TryDequeue(out var late))
        {
            if (!late.Link.HasEnded)
            {
                late.Link.Send(late.Answer);
            }
        }
    }
}
