using Granary.Core.Links;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Streams;

/// <summary>What sessions publish is taken once.</summary>
internal sealed partial class StreamQueue
{
    public void Forget(QueueLink link) => _sessions.Forget(link);

    /// <summary>The link is the one of its session from now on. One before it has been given up by its gateway.</summary>
    private bool TryJoin(QueueLink link, long now)
    {
        if (!_sessions.TryJoin(link, out var earlier))
        {
            link.End(now);
            return false;
        }

        if (earlier is not null)
        {
            // Its consumers come again over the next link.
            LetGo(earlier);
            earlier.End(now);
        }

        return true;
    }

    /// <summary>The batch was taken before: over another link of its session, or by an earlier activation, which has stored it.</summary>
    private bool TryRecognise(QueueLink link, PublishItem publish)
    {
        var session = link.State!;
        var isKnown = publish.Number <= session.Number;
        if (publish.Number == 0 || (!isKnown && !_sessions.WasTakenEarlier(link.Session, publish.Number)))
        {
            return false;
        }

        var end = isKnown ? session.PublishedEnd : Watermark;
        Answer(link, new PublishedItem(end - publish.Batch.Count, null));
        link.PublishedEnd = Math.Max(link.PublishedEnd, end);
        return true;
    }

    /// <summary>The batch is taken with this turn.</summary>
    private void NoteTaken(QueueLink link, PublishItem publish)
    {
        if (publish.Number == 0)
        {
            return;
        }

        var session = link.State!;
        (session.Number, session.PublishedEnd) = (publish.Number, link.PublishedEnd);
        _sessions.Store(link, publish.Number);
    }
}
