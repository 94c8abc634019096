using Granary.Core.Routing;

namespace Granary.Core.Members;

/// <summary>
/// For how long a gateway that no silo answers may go on. Queues give what its clients hold to others when it is declared dead and no silo that could still answer it has heard from it for
/// <see cref="SnapshotLease.Length"/>; it stops routing and delivering <see cref="SnapshotLease.HolderLimit"/> after it sent the last renewal that one of them
/// answered. By its own clock, looked at before anything is routed or delivered, not by a timer: a process that was stopped goes on with nothing.
/// </summary>
public sealed class GatewayLease(TimeProvider clock)
{
    private const long Never = long.MaxValue, Always = long.MinValue;

    private readonly Lock _gate = new();
    private readonly List<Func<Task>> _atEnd = [];
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _renewed;
    private long _until = Always;
    private volatile bool _hasEnded;

    /// <summary>Of a process whose silo is its own, or is as good as that.</summary>
    public static GatewayLease Unlimited { get; } = new(TimeProvider.System) { _until = Never };

    /// <summary>Nothing may be routed or delivered: at present, or any more.</summary>
    public bool IsOver => Volatile.Read(ref _until) is var until && until != Never && clock.GetTimestamp() >= until;

    /// <summary>The process was declared dead.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>A silo has answered.</summary>
    /// <param name="askedAt">The clock's timestamp before it was asked.</param>
    public void Renew(long askedAt) => RenewUntil(askedAt + (long)(SnapshotLease.HolderLimit.TotalSeconds * clock.TimestampFrequency));

    /// <summary>The process has queues itself, and knows that it is a member.</summary>
    /// <param name="until">The clock's timestamp until which it does.</param>
    public void RenewUntil(long until)
    {
        TaskCompletionSource? renewed;
        lock (_gate)
        {
            if (_hasEnded)
            {
                return;
            }

            Volatile.Write(ref _until, Math.Max(_until, until));
            if (IsOver)
            {
                return;
            }

            (renewed, _renewed) = (_renewed, null);
        }

        renewed?.SetResult();
    }

    /// <summary>Has somebody do something when the process is declared dead: begun at once, and given a second for the rest.</summary>
    public void AtEnd(Func<Task> act)
    {
        lock (_gate)
        {
            _atEnd.Add(act);
        }
    }

    /// <summary>The process was declared dead: it never routes and delivers again.</summary>
    public Task EndAsync()
    {
        TaskCompletionSource? renewed;
        Func<Task>[] acts;
        lock (_gate)
        {
            if (_hasEnded)
            {
                return Task.CompletedTask;
            }

            _hasEnded = true;
            Volatile.Write(ref _until, Always);
            (renewed, _renewed) = (_renewed, null);
            acts = [.. _atEnd];
        }

        Task[] done = [.. acts.Select(act => act())];
        _closed.SetResult();
        renewed?.SetResult();
        return Task.WhenAll(done);
    }

    /// <summary>Completes when it is not over, or when it has ended and what is <see cref="AtEnd"/> has begun.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_hasEnded)
            {
                return _closed.Task.WaitAsync(cancellationToken);
            }

            if (!IsOver)
            {
                return Task.CompletedTask;
            }

            _renewed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _renewed.Task.WaitAsync(cancellationToken);
        }
    }
}
