using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Granary.Silo.Queues;

/// <summary>
/// The grain of one queue name. A queue is in its memory, so it stays active until the queue is gone and
/// nothing is owed to anyone. No turn awaits anything: what has to be awaited runs beside the turns.
/// </summary>
[Reentrant]
internal sealed partial class QueueGrain : Grain, IQueueGrain
{
    /// <summary>The store will give each activation an epoch of its own; without one there is only ever one.</summary>
    private const long Epoch = 1;

    /// <summary>What is due later is looked at again after a day, in milliseconds: timers know no ten years.</summary>
    private const long LongestWait = 86_400_000;

    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly ILogger<QueueGrain> _log;
    private readonly QueueSlot _slot;
    private readonly DeadLetterOffice _office;
    private readonly string _vhost;
    private readonly long _start;
    private DeadLetterOutbox? _outbox;
    private IGrainTimer? _timer;
    private IGrainTimer? _dueTimer;
    private long _armedFor = MessageRun.Never;
    private int _unsettledDebts;
    private Task _lastRemoval = Task.CompletedTask;

    public QueueGrain(TimeProvider time, DeadLetterOffice office, ILogger<QueueGrain> log)
    {
        _time = time;
        _office = office;
        _log = log;
        _start = time.GetTimestamp();
        (_vhost, var name) = GrainKeys.Parse(this.GetPrimaryKeyString());
        _slot = new QueueSlot(_vhost, name, Epoch);
    }

    private long Now => (long)_time.GetElapsedTime(_start).TotalMilliseconds;

    public ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration) =>
        EndTurn(_slot.Declare(declaration, Guid.NewGuid()));

    public ValueTask<QueueAnswer> DescribeAsync(ConnectionId by) => EndTurn(_slot.Describe(by));

    public async ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty)
    {
        var answer = await EndTurn(_slot.Delete(by, ifUnused, ifEmpty, Now));

        // A queue declared next by this name must not be reached by the old bindings. An exchange out of reach does not hold the answer for ever.
        await Task.WhenAny(_lastRemoval, Task.Delay(SnapshotLease.Length, _time));
        return answer;
    }

    public ValueTask<QueueAnswer> PurgeAsync(ConnectionId by) => EndTurn(_slot.Purge(by));

    public ValueTask<QueueAnswer> AddBindingSourceAsync(ConnectionId by, string exchange) => EndTurn(_slot.AddBindingSource(by, exchange));

    public ValueTask<LinkAnswer> SendAsync(LinkUp up) => EndTurn(_slot.Send(up, Now));

    public ValueTask WakeAsync() => new(EndTurn(0).AsTask());

    /// <summary>Sends what the turn has for others and sees whether anything remains to be done later.</summary>
    private ValueTask<T> EndTurn<T>(T answer)
    {
        foreach (var (observer, packet) in _slot.Pushes)
        {
            _ = PushAsync(observer, packet);
        }

        _slot.Pushes.Clear();
        if (_slot.Dead.Count > 0)
        {
            _outbox ??= new DeadLetterOutbox(_office, _vhost, GrainKeys.Parse(this.GetPrimaryKeyString()).Name);
            _outbox.Post(_slot.Dead);
            _slot.Dead.Clear();
        }

        foreach (var debt in _slot.Debts)
        {
            _lastRemoval = SettleAsync(debt);
        }

        _slot.Debts.Clear();
        if (_timer is null && _slot.NeedsTick)
        {
            _timer = this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(TickPeriod, TickPeriod) { Interleave = true, KeepAlive = true });
        }

        ArmDueTimer();
        UpdateLifetime();
        return ValueTask.FromResult(answer);
    }

    private async Task PushAsync(ILinkObserver observer, LinkDown packet)
    {
        try
        {
            await observer.ReceiveAsync(packet);
        }
        catch (Exception e)
        {
            // The packet is kept and comes again; whether the gateway is gone is not for one push to decide.
            LogPushFailed(e, packet.Link, packet.Number);
        }
    }

    private Task TickAsync(CancellationToken cancellation)
    {
        _slot.Tick(Now);
        if (!_slot.NeedsTick)
        {
            _timer?.Dispose();
            _timer = null;
        }

        return EndTurn(0).AsTask();
    }

    /// <summary>Has the timer come when something is due by itself, if nothing comes before.</summary>
    private void ArmDueTimer()
    {
        var due = _slot.NextDue;
        if (due >= _armedFor)
        {
            // It comes early enough, and is armed again then.
            return;
        }

        _armedFor = due;
        var wait = TimeSpan.FromMilliseconds(Math.Clamp(due - Now, 0, LongestWait));
        if (_dueTimer is null)
        {
            var options = new GrainTimerCreationOptions(wait, Timeout.InfiniteTimeSpan) { Interleave = true, KeepAlive = true };
            _dueTimer = this.RegisterGrainTimer(RunDueAsync, options);
        }
        else
        {
            _dueTimer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private Task RunDueAsync(CancellationToken cancellation)
    {
        _armedFor = MessageRun.Never;
        _slot.RunDue(Now);
        return EndTurn(0).AsTask();
    }

    /// <summary>Has the exchanges forget a queue that is gone, for as long as it takes.</summary>
    private async Task SettleAsync(BindingDebt debt)
    {
        _unsettledDebts++;
        foreach (var exchange in debt.Sources)
        {
            var wait = TimeSpan.FromMilliseconds(100);
            while (!await TryRemoveAsync(exchange, debt.Destination))
            {
                await Task.Delay(wait, _time);
                wait = TimeSpan.FromMilliseconds(Math.Min(wait.TotalMilliseconds * 2, 5_000));
            }
        }

        _unsettledDebts--;
        UpdateLifetime();
    }

    private async Task<bool> TryRemoveAsync(string exchange, Destination destination)
    {
        try
        {
            await GrainFactory.GetGrain<IExchangeGrain>(GrainKeys.For(_vhost, exchange)).RemoveDestinationAsync(destination);
            return true;
        }
        catch (Exception e)
        {
            LogRemovalFailed(e, exchange, destination.Name);
            return false;
        }
    }

    // Not DeactivateOnIdle: a declare that arrives in between would be lost with this activation. The collector takes what is really idle.
    private void UpdateLifetime() =>
        DelayDeactivation(_slot.IsEmpty && _unsettledDebts == 0 ? TimeSpan.Zero : Timeout.InfiniteTimeSpan);
}
