using System.Runtime.ExceptionServices;

namespace Granary.Silo.Storage.Files;

/// <summary>An activation that waits for its epoch.</summary>
internal sealed class TakeOver(QueueIdentity identity, long atLeast)
{
    private QueueLog? _queue;
    private Exception? _failure;

    public QueueIdentity Identity { get; } = identity;

    public long AtLeast { get; } = atLeast;

    public long Epoch { get; set; }

    public bool IsDone => _queue is not null || _failure is not null;

    public void Complete(QueueLog queue) => _queue = queue;

    public void Fail(Exception failure) => _failure = failure;

    public QueueLog Result()
    {
        if (_failure is not null)
        {
            ExceptionDispatchInfo.Throw(_failure);
        }

        return _queue ?? throw new InvalidOperationException("The queue was not taken over.");
    }
}
