namespace Granary.Core.Alarms;

/// <summary>Why publishers are held.</summary>
public enum PublisherAlarm
{
    Memory,
    Disk,

    /// <summary>The store takes nothing at present.</summary>
    Store,

    /// <summary>The scratch log, which has what queues page out that are not durable, takes nothing at present.</summary>
    Scratch,
}

/// <summary>
/// RabbitMQ's resource alarms: while any is raised, connections that publish are not read; consumers go on. Safe for use by any thread.
/// </summary>
public sealed class PublisherAlarms
{
    private readonly Lock _gate = new();
    private readonly bool[] _raised = new bool[Enum.GetValues<PublisherAlarm>().Length];
    private TaskCompletionSource? _clear;

    public bool IsRaised => Volatile.Read(ref _clear) is not null;

    /// <summary>
    /// As connection.blocked says it: RabbitMQ's <c>low on memory</c>, <c>low on disk</c> or <c>low on memory &amp; disk</c>
    /// (rabbit_reader), or that the store or the scratch log is out of reach, which RabbitMQ does not know. Empty when nothing is raised.
    /// </summary>
    public string Reason
    {
        get
        {
            lock (_gate)
            {
                var low = (_raised[(int)PublisherAlarm.Memory], _raised[(int)PublisherAlarm.Disk]) switch
                {
                    (true, true) => "low on memory & disk",
                    (true, false) => "low on memory",
                    (false, true) => "low on disk",
                    _ => null,
                };
                var store = _raised[(int)PublisherAlarm.Store] ? "the store is out of reach" : null;
                var scratch = _raised[(int)PublisherAlarm.Scratch] ? "the scratch log is out of reach" : null;
                return string.Join(" & ", new[] { low, store, scratch }.OfType<string>());
            }
        }
    }

    /// <returns>Whether it was not raised before.</returns>
    public bool Raise(PublisherAlarm alarm) => Set(alarm, isRaised: true);

    /// <returns>Whether it was raised before.</returns>
    public bool Clear(PublisherAlarm alarm) => Set(alarm, isRaised: false);

    public bool Set(PublisherAlarm alarm, bool isRaised)
    {
        lock (_gate)
        {
            if (_raised[(int)alarm] == isRaised)
            {
                return false;
            }

            _raised[(int)alarm] = isRaised;
            var any = Array.IndexOf(_raised, true) >= 0;
            if (any)
            {
                Volatile.Write(ref _clear, _clear ?? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
            else
            {
                var clear = _clear!;
                Volatile.Write(ref _clear, null);
                clear.SetResult();
            }

            return true;
        }
    }

    /// <summary>Completes when nothing is raised: at once, or when the last alarm clears.</summary>
    public Task WaitUntilClearAsync(CancellationToken cancellationToken) =>
        Volatile.Read(ref _clear) is { } clear ? clear.Task.WaitAsync(cancellationToken) : Task.CompletedTask;
}
