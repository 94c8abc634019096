using Granary.Core.Messages;
using Granary.Gateway.Counting;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.Gateway.Tracing;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// Gathers what one connection publishes: messages that follow each other on one path, from one channel, back to back in one array, are one run,
/// and a run is handed to the links as one batch. So the work per message ends with the copy into the chunk.
/// </summary>
/// <param name="spans">Null: messages get none.</param>
internal sealed class Publisher(PublishCounts counts, MessageSpans? spans, string vhost)
{
    private PublishOutcomes? _outcomes;
    private PublishPath? _path;
    private OpenBatch _open;
    private bool _mandatory;

    public ChunkAllocator Chunks { get; } = new();

    /// <summary>Whom its messages are told to, run by run; null: nobody.</summary>
    public ClientTrace? Trace { get; set; }

    /// <summary>Adds one complete record.</summary>
    public void Add(PublishOutcomes outcomes, PublishPath path, byte[] array, int start, int length, MessageFlags flags, bool mandatory)
    {
        if (ReferenceEquals(path, _path) && ReferenceEquals(outcomes, _outcomes) && mandatory == _mandatory && _open.TryExtend(array, start, length, 1, flags))
        {
            return;
        }

        Seal();
        (_outcomes, _path, _open, _mandatory) = (outcomes, path, new OpenBatch(array, start, length, 1, flags), mandatory);
    }

    /// <summary>Adds one complete record that has memory of its own, and takes over its hold.</summary>
    public void Add(PublishOutcomes outcomes, PublishPath path, LargeRecord record, int length, MessageFlags flags, bool mandatory)
    {
        Seal();
        Hand(outcomes, path, new MessageBatch(record.Memory[..length], 1, flags), mandatory);

        // A commit, or a return, may want it later than those do to whom it was handed.
        if (!mandatory && outcomes.Transaction is null)
        {
            record.LetGo();
        }
    }

    /// <summary>Hands the current run to the links of its path. Afterwards nothing of it is written to any more.</summary>
    public void Seal()
    {
        if (_path is not { } path)
        {
            return;
        }

        var batch = _open.ToBatch();
        (_path, _open) = (null, default);
        Hand(_outcomes!, path, batch, _mandatory);
    }

    private void Hand(PublishOutcomes outcomes, PublishPath path, MessageBatch batch, bool mandatory)
    {
        if (spans is not null)
        {
            batch = spans.Published(batch, MessageSpans.Amqp, vhost);
        }

        Trace?.Published(outcomes.Channel, batch, path.Links);
        counts.Add(batch, outcomes.HasConfirms, isRouted: path.Links.Length > 0);
        if (outcomes.Transaction is { } transaction)
        {
            transaction.Publish(path, batch, mandatory);
            return;
        }

        outcomes.CountPublished(batch.Count);
        Send(path, batch, outcomes.Track(batch, mandatory, path.Links.Length));
    }

    /// <summary>Hands a batch to every link of a path, if it has any.</summary>
    public static void Send(PublishPath path, in MessageBatch batch, PublishRun? run)
    {
        path.Count(batch.Count);
        var forQueues = path.ForQueues(batch);
        foreach (var link in path.Links)
        {
            link.Publish(forQueues, run);
        }
    }
}
