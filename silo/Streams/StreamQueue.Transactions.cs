using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Streams;

/// <summary>What transactions over several queues publish here. What they acknowledge of a stream makes room for more, with which they have nothing to do.</summary>
internal sealed partial class StreamQueue
{
    public PrepareAnswer Prepare(PreparedPart prepared) => PrepareAnswer.Prepared;

    public void Commit(PreparedPart prepared, long now)
    {
        foreach (var batch in prepared.Part.Batches)
        {
            Figures.Add(QueueCount.Publish, batch.Count);
            Append(batch, now);
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
