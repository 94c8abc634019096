using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Streams;

/// <summary>
/// What transactions over several queues publish here. What they settle of a stream makes room for more, with which they have nothing to do: gateways say that of acknowledgements and
/// rejections again, when it is decided, as of all queues. Only of what goes back they do not.
/// </summary>
internal sealed partial class StreamQueue
{
    public PrepareAnswer Prepare(PreparedPart prepared)
    {
        prepared.Link = prepared.Part.Settlements.Length == 0 ? null : _sessions.LinkOf(prepared.Part.Session);
        return PrepareAnswer.Prepared;
    }

    public void Commit(PreparedPart prepared, long now)
    {
        foreach (var batch in prepared.Part.Batches)
        {
            Figures.Add(QueueCount.Publish, batch.Count);
            Append(batch, now);
        }

        if (prepared.Link is { HasEnded: false } link)
        {
            foreach (var settle in prepared.Part.Settlements)
            {
                if (settle.Outcome is Settlement.Requeue or Settlement.Failed)
                {
                    Settle(link, settle);
                }
            }
        }

        prepared.IsCommitted = true;
        _storage?.Durable?.NoteProgress(new PublishProgress(new SessionId(prepared.Id.Value), 1));
    }

    public void Abort(PreparedPart prepared, long now)
    {
        // Nothing of it is here yet.
    }

    public void Recommit(PreparedPart prepared, long now) => Commit(prepared, now);
}
