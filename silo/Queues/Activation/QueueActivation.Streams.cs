using Granary.Silo.Storage;
using Granary.Silo.Streams;

namespace Granary.Silo.Queues.Activation;

/// <summary>What is done beside the turns of a stream.</summary>
internal sealed partial class QueueActivation
{
    /// <summary>Has done what the turn of a stream left to do.</summary>
    private void FollowUp(StreamQueue stream)
    {
        if (stream.HasSegmentChanges)
        {
            SaveSegments(stream);
        }

        foreach (var read in stream.TakeReads())
        {
            _ = ReadAsync(stream, read);
        }
    }

    /// <summary>Gives a stream what an earlier activation had saved of its segments.</summary>
    private async Task RestoreSegmentsAsync(StreamQueue stream, CancellationToken cancellation)
    {
        if (_services.Stores.Durable is not { } commit)
        {
            return;
        }

        List<StreamSegment> segments = [];
        foreach (var row in await commit.Store.ReadRowsAsync(SegmentRows.TableOf(_key), cancellation).ConfigureAwait(false))
        {
            var (incarnation, segment) = SegmentRows.Parse(row);
            if (incarnation == stream.Incarnation)
            {
                segments.Add(segment);
            }
            else
            {
                // Of a stream that was deleted while this could not be.
                _segmentsSaved = Task.WhenAll(_segmentsSaved, SaveAsync(commit, SegmentRows.Changed(_key, incarnation, segment, isGone: true)));
            }
        }

        stream.RestoreSegments(segments);
    }

    private void SaveSegments(StreamQueue stream)
    {
        if (_services.Stores.Durable is { } commit)
        {
            var changes = stream.TakeSegmentChanges().Select(change => SaveAsync(commit, SegmentRows.Changed(_key, stream.Incarnation, change.Segment, change.IsGone)));
            _segmentsSaved = Task.WhenAll([_segmentsSaved, .. changes]);
        }
    }

    private async Task SaveAsync(GroupCommit commit, RowChange change)
    {
        try
        {
            await commit.WriteAsync(change).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The node stops: the next activation takes the segment for a part of the one after it.
            LogSegmentsNotStored(_services.Log, exception, _name, _vhost);
        }
    }

    private async Task ReadAsync(StreamQueue stream, StreamRead read)
    {
        StreamReading? reading = null;
        try
        {
            var journal = stream.Storage!.Journal;
            reading = await Task.Run(() => read.RunAsync(journal, _ended.Token)).ConfigureAwait(false);
        }
        catch (Exception exception) when (!_ended.IsCancellationRequested)
        {
            // Whatever it is: the messages are there, and somebody waits for them.
            LogNotRead(_services.Log, exception, _name, _vhost);
            await Task.Delay(LoadAgainAfter, _services.Time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogReadTooLate(_services.Log, exception, _name, _vhost);
            return;
        }

        _turns.TryRun((this, stream, read, reading), static done => done.Item1.HasRead(done.stream, done.read, done.reading));
    }

    private void HasRead(StreamQueue stream, StreamRead read, StreamReading? reading)
    {
        if (stream != _slot.Stream)
        {
            // It was deleted while it was read.
            return;
        }

        if (stream.Load(read, reading) is > 0 and var missing)
        {
            LogMissing(_services.Log, missing, _name, _vhost, read.From, read.End);
        }

        _slot.Advance(Now);
    }
}
