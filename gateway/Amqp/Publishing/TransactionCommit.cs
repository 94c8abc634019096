using Granary.Gateway.Links;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>One tx.commit on its way. It counts its own messages only: others of the channel, published before it was transactional, may settle meanwhile.</summary>
internal sealed class TransactionCommit(PublishOutcomes outcomes) : IPublishOwner
{
    private readonly TaskCompletionSource _published = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _pending;

    /// <summary>Completes when every queue has answered.</summary>
    public Task Published => _published.Task;

    /// <summary>A queue refused a part of it.</summary>
    public bool AnyRefused { get; private set; }

    /// <summary>All of it was handed to the links, in so many runs that have to settle.</summary>
    public void Begin(int runs)
    {
        _pending += runs;
        CompleteIfSettled();
    }

    public void CountPublished(int messages) => outcomes.CountPublished(messages);

    public void OnPublished(PublishRun run)
    {
        outcomes.ReturnUnrouted(run);
        AnyRefused |= run.AnyRefused;
        _pending--;
        CompleteIfSettled();
    }

    public void OnUnroutable(PublishRun run) => outcomes.ReturnUnrouted(run);

    public void OnLost(PublishRun run) => _published.TrySetException(PublishOutcomes.WhatIsLost());

    public void Abandon() => _published.TrySetCanceled();

    private void CompleteIfSettled()
    {
        if (_pending == 0)
        {
            _published.TrySetResult();
        }
    }
}
