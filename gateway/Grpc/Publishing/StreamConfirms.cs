using Granary.Amqp;
using Granary.Core.Counting;
using Granary.Core.Messages;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Links;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>The confirms of one publish stream, coalesced: each answer says all that has become known since the last one. Used under the gate.</summary>
internal sealed class StreamConfirms(Action wake, MessageCounts counts) : IPublishOwner
{
    // Outcomes that the client has not taken: beyond this no more of its messages are read.
    private const int MostWaiting = 32 * 1024;

    private readonly OpenRuns _open = new();
    private readonly List<PublishRun> _settled = [];
    private readonly List<Returned> _returned = [];
    private ulong _lastNumber;
    private ulong _answeredThrough;
    private TaskCompletionSource? _room;
    private bool _isLost;

    /// <summary>Every message is answered, and the answers were taken.</summary>
    public bool IsEmpty => _open.Count == 0 && _settled.Count == 0;

    /// <summary>Numbers a batch and follows it.</summary>
    public PublishRun Track(in MessageBatch batch, bool mandatory, int targets)
    {
        var run = new PublishRun(this, _lastNumber + 1, batch, mandatory, targets);
        _lastNumber += (ulong)batch.Count;
        _open.Add(run);
        if (targets == 0)
        {
            run.Unroutable();
        }

        return run;
    }

    public void OnPublished(PublishRun run)
    {
        if (run.IsMandatory && !run.WasRouted)
        {
            Return(run);
        }

        _settled.Add(run);
        wake();
    }

    public void OnUnroutable(PublishRun run) => OnPublished(run);

    public void OnLost(PublishRun run)
    {
        _isLost = true;
        wake();
    }

    /// <summary>Completes when few enough answers wait for the client, or at once.</summary>
    public Task WaitForRoomAsync()
    {
        if (_settled.Count + _returned.Count <= MostWaiting)
        {
            return Task.CompletedTask;
        }

        _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _room.Task;
    }

    /// <summary>What there is to say, or null.</summary>
    /// <exception cref="RpcException">Of some messages nobody will ever know.</exception>
    public PublishStreamResponse? Take()
    {
        if (_isLost)
        {
            throw CallErrors.QueueLost();
        }

        if (_settled.Count == 0)
        {
            return null;
        }

        var response = new PublishStreamResponse();
        while (_open.TryTakeSettled(out var run))
        {
            if (!run.IsAnnounced)
            {
                CountConfirmed(run);
                AddNacked(response, run);
            }
        }

        _answeredThrough = _open.TryPeek(out var first) ? first.FirstTag - 1 : _lastNumber;
        _settled.Sort(static (a, b) => a.FirstTag.CompareTo(b.FirstTag));
        foreach (var run in _settled)
        {
            if (run.FirstTag > _answeredThrough)
            {
                _open.Announce(run);
                CountConfirmed(run);
                AddAcked(response, run);
                AddNacked(response, run);
            }
        }

        _settled.Clear();
        response.AnsweredThrough = _answeredThrough;
        response.Returned.AddRange(_returned);
        _returned.Clear();
        _room?.TrySetResult();
        _room = null;
        return response;
    }

    private void CountConfirmed(PublishRun run)
    {
        var refused = 0;
        for (var i = 0; run.AnyRefused && i < run.Count; i++)
        {
            refused += run.IsRefused(i) ? 1 : 0;
        }

        counts.Add(MessageEvent.Confirm, run.Count - refused);
    }

    private void Return(PublishRun run)
    {
        counts.Add(MessageEvent.ReturnUnroutable, run.Count);
        for (var number = run.FirstTag; number <= run.LastTag; number++)
        {
            _returned.Add(new Returned { Number = number, ReplyCode = (uint)ReplyCode.NoRoute, ReplyText = ReplyText.Name(ReplyCode.NoRoute) });
        }
    }

    private static void AddAcked(PublishStreamResponse response, PublishRun run)
    {
        if (!run.AnyRefused)
        {
            Add(response.Acked, run.FirstTag, run.LastTag);
            return;
        }

        for (var i = 0; i < run.Count; i++)
        {
            if (!run.IsRefused(i))
            {
                Add(response.Acked, run.FirstTag + (ulong)i, run.FirstTag + (ulong)i);
            }
        }
    }

    private static void AddNacked(PublishStreamResponse response, PublishRun run)
    {
        for (var i = 0; run.AnyRefused && i < run.Count; i++)
        {
            if (run.IsRefused(i))
            {
                Add(response.Nacked, run.FirstTag + (ulong)i, run.FirstTag + (ulong)i);
            }
        }
    }

    // Neighbours become one range.
    private static void Add(Google.Protobuf.Collections.RepeatedField<NumberRange> ranges, ulong first, ulong last)
    {
        if (ranges.Count > 0 && ranges[^1].Last + 1 == first)
        {
            ranges[^1].Last = last;
        }
        else
        {
            ranges.Add(new NumberRange { First = first, Last = last });
        }
    }
}
