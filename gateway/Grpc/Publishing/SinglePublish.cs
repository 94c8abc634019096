using Granary.Core.Counting;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Links;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>What became of one message.</summary>
internal enum PublishOutcome
{
    /// <summary>At least one queue has it.</summary>
    Accepted,

    /// <summary>No queue was there for it.</summary>
    Unrouted,

    /// <summary>A queue would not take it.</summary>
    Refused,
}

/// <summary>Waits for the confirm of one message.</summary>
internal sealed class SinglePublish(MessageCounts counts) : IPublishOwner
{
    private readonly TaskCompletionSource<PublishOutcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<PublishOutcome> Outcome => _outcome.Task;

    public void OnPublished(PublishRun run)
    {
        counts.Add(MessageEvent.Confirm, run.AnyRefused ? 0 : 1);
        _outcome.TrySetResult(run.AnyRefused ? PublishOutcome.Refused : run.WasRouted ? PublishOutcome.Accepted : PublishOutcome.Unrouted);
    }

    public void OnUnroutable(PublishRun run) => _outcome.TrySetResult(PublishOutcome.Unrouted);

    public void OnLost(PublishRun run) => _outcome.TrySetException(CallErrors.QueueLost());
}
