using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Granary.Silo.Queues.Messages;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// The dead messages of one queue on their way, in the order in which they died. It works beside the turns of the queue's grain, which only
/// puts messages in; everything else happens under the gate, and nothing is awaited there.
/// </summary>
/// <param name="arrived">Told, possibly under a lock, so that it may do no more than note it, which messages are safe where they went, or went nowhere; null if nobody wants to know.</param>
/// <param name="rule">By what messages that were kept are tried again; a rule of null: they are to be dropped. Null itself: by what they were sent by before.</param>
internal sealed partial class DeadLetterOutbox(
    DeadLetterOffice office, string vhost, string queue, Action<IReadOnlyList<MessageRun>>? arrived = null, Func<DeadLetterRule?>? rule = null)
    : ITurn
{
    // While the targets have not accepted this much, the rest waits as it is. How much no watermark has passed is bounded by what the queue holds.
    private static readonly PublishLimits Limits = new(Unaccepted: 1024 * 1024, Unpassed: long.MaxValue);

    // So few are sent on the thread on which they died. More would keep it from its sockets, or its store.
    private const int MostOnThisThread = 16;

    private const int MostReadTogether = 1024;

    private static readonly TimeSpan RouteAgainAfter = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly RingBuffer<(DeadRun Dead, DateTimeOffset At)> _waiting = new();
    private readonly LinkSet _links = office.Open(vhost);
    private bool _isRunning;
    private volatile bool _isLeft;

    /// <summary>Nothing is under way: all has arrived, goes nowhere, or is to be tried again.</summary>
    private bool IsEmpty => !IsSending() && _links.HasNothingUnderWay;

    /// <summary>Takes over what died in one turn.</summary>
    public void Post(IEnumerable<DeadRun> dead)
    {
        var at = office.Time.GetUtcNow();
        var count = 0L;
        lock (_gate)
        {
            foreach (var run in dead)
            {
                Enqueue(run, at);
                count += run.Run.Count;
            }

            if (!TryBegin())
            {
                return;
            }
        }

        // No part of the grain's turn, and without its context.
        if (count <= MostOnThisThread)
        {
            TurnThread.Schedule(this);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>
    /// Nothing is put in any more, for the activation of the queue ends: completes when all that is under way has arrived, or <paramref name="limit"/> is over. What has
    /// not been sent by then, and is stored, the next activation sends.
    /// </summary>
    public async Task LeaveAsync(TimeSpan limit)
    {
        // Nothing more is put under way meanwhile.
        KeepNoMore();
        await DeadLetterOffice.WaitAsync(() => IsEmpty, limit).ConfigureAwait(false);
        Leave();
    }

    /// <summary>What has not been sent yet, and is stored, is another activation's.</summary>
    public void Leave()
    {
        _isLeft = true;
        KeepNoMore();
    }

    /// <summary>Whoever rejected a message may look for it at once: it is not to wait for another thread.</summary>
    bool ITurn.IsBrief => true;

    void ITurn.Run() => _ = SendAllAsync();

    /// <summary>False: it is sending already. Under the gate.</summary>
    private bool TryBegin()
    {
        if (_isRunning)
        {
            return false;
        }

        _isRunning = true;
        office.NoteSending(1);
        return true;
    }

    /// <summary>Those that wait in the store, and follow each other, are one: so any number of them costs no memory.</summary>
    private void Enqueue(in DeadRun dead, DateTimeOffset at)
    {
        if (_waiting.Count > 0 && !dead.Run.IsLoaded)
        {
            ref var last = ref _waiting[_waiting.Count - 1];
            if (last.At.ToUnixTimeSeconds() == at.ToUnixTimeSeconds() && last.Dead.TryJoin(dead, out var joined))
            {
                last.Dead = joined;
                return;
            }
        }

        _waiting.AddLast((dead, at));
    }

    private async Task SendAllAsync()
    {
        try
        {
            await SendWaitingAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (office.Stopping.IsCancellationRequested)
        {
            LogStopped(office.Log, exception, queue, vhost);
            lock (_gate)
            {
                _isRunning = false;
                office.NoteSending(-1);
            }
        }
    }

    private async Task SendWaitingAsync()
    {
        var batch = new LetterBatch();
        while (true)
        {
            (DeadRun Dead, DateTimeOffset At) next;
            bool isThere;
            lock (_gate)
            {
                isThere = _waiting.Count > 0;
                if (!isThere && batch.IsEmpty)
                {
                    _isRunning = false;
                    office.NoteSending(-1);
                    return;
                }

                next = isThere ? TakeFirst() : default;
            }

            if (!isThere)
            {
                Publish(batch);
                continue;
            }

            if (next.Dead.Run.IsLoaded)
            {
                await AddAsync(batch, next.Dead, next.At).ConfigureAwait(false);
                next.Dead.Waiting?.Remove(next.Dead.Run.Length);
                if (next.Dead.Refused is { } refused)
                {
                    refused.Remove(next.Dead.Run.Length);
                    LargeRecord.LetGo(next.Dead.Run.Records);
                }
            }
            else
            {
                await AddStoredAsync(batch, TakeStored(next)).ConfigureAwait(false);
            }
        }
    }

    private (DeadRun Dead, DateTimeOffset At) TakeFirst()
    {
        var first = _waiting.RemoveFirst();
        _triedAgain -= first.Dead.IsTriedAgain ? first.Dead.Run.Count : 0;
        return first;
    }

    /// <summary>Takes, behind one that waits in the store, those that do as well: what is delayed has the next message anywhere there, and one look for each would take too long.</summary>
    private List<(DeadRun Dead, DateTimeOffset At)> TakeStored((DeadRun Dead, DateTimeOffset At) first)
    {
        List<(DeadRun Dead, DateTimeOffset At)> together = [first];
        lock (_gate)
        {
            while (together.Count < MostReadTogether && _waiting.Count > 0 && !_waiting[0].Dead.Run.IsLoaded && _waiting[0].Dead.Waiting == first.Dead.Waiting)
            {
                together.Add(TakeFirst());
            }
        }

        return together;
    }

    private async Task AddStoredAsync(LetterBatch batch, List<(DeadRun Dead, DateTimeOffset At)> together)
    {
        List<OffsetRange> ranges = [.. together.Select(static one => new OffsetRange(one.Dead.Run.First, one.Dead.Run.Count))];
        for (var at = 0; at < ranges.Count;)
        {
            var runs = await ReadAsync(together[0].Dead.Waiting!, ranges[at..]).ConfigureAwait(false);
            if (runs.Length == 0)
            {
                return;
            }

            foreach (var run in runs)
            {
                while (run.First < ranges[at].First || ranges[at].End <= run.First)
                {
                    at++;
                }

                await AddAsync(batch, together[at].Dead with { Run = run }, together[at].At).ConfigureAwait(false);
            }

            // What is behind the last is still to be read.
            ranges[at] = new OffsetRange(runs[^1].End, (int)(ranges[at].End - runs[^1].End));
            at += ranges[at].Count == 0 ? 1 : 0;
        }
    }

    private async Task<MessageRun[]> ReadAsync(WaitingDead waiting, IReadOnlyList<OffsetRange> ranges)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                return await waiting.ReadAsync(ranges, office.Stopping).ConfigureAwait(false);
            }
            catch (Exception exception) when (!office.Stopping.IsCancellationRequested)
            {
                if (isFirst)
                {
                    LogNotRead(office.Log, exception, queue, vhost);
                }

                await Task.Delay(ReadAgainAfter, office.Time, office.Stopping).ConfigureAwait(false);
            }
        }
    }

    private async Task AddAsync(LetterBatch batch, DeadRun dead, DateTimeOffset at)
    {
        var records = dead.Run.Records;
        var offset = dead.Run.First;
        while (!records.IsEmpty)
        {
            var length = MessageRecord.LengthOf(records.Span);
            await AddAsync(batch, records[..length], offset, dead, at).ConfigureAwait(false);
            records = records[length..];
            offset += offset == DeadRun.NeverEnqueued ? 0 : 1;
        }
    }

    private async ValueTask AddAsync(LetterBatch batch, ReadOnlyMemory<byte> record, long offset, DeadRun dead, DateTimeOffset at)
    {
        if (_isLeft && dead.Waiting is not null && new MessageRecord(record.Span).IsPersistent)
        {
            // The next activation has it, and sends it.
            return;
        }

        try
        {
            var letter = dead.Reason switch
            {
                DeathReason.Due => DeadLetter.Due(new MessageRecord(record.Span), dead.Rule),
                DeathReason.Again => DeadLetter.Again(new MessageRecord(record.Span), dead.Rule),
                _ => DeadLetter.From(new MessageRecord(record.Span), queue, dead.Reason, dead.Rule, at),
            };
            var (queues, window) = dead.Rule.Queue is { } only ? ([only], null) : await RouteAsync(letter).ConfigureAwait(false);
            if (queues.Length == 0 && dead is { IsKept: true, Confirmed: null })
            {
                Keep(dead.Only(offset, record), at);
                return;
            }

            var targets = dead.Rule.Queue is null ? Targets(queues, letter, dead) : queues;
            if (targets.Length == 0)
            {
                Arrived(dead, offset);
                return;
            }

            if (batch.TryAdd(letter, new MessageRecord(record.Span).Body, targets, window, dead.IsKept))
            {
                batch.AddSource(dead, at, offset, record);
                return;
            }

            Publish(batch);
            if (!_links.IsWithin(Limits))
            {
                await _links.WaitForRoomAsync(Limits.Half).WaitAsync(office.Stopping).ConfigureAwait(false);
            }

            batch.TryAdd(letter, new MessageRecord(record.Span).Body, targets, window, dead.IsKept);
            batch.AddSource(dead, at, offset, record);
        }
        catch (Exception exception) when (!office.Stopping.IsCancellationRequested)
        {
            // One message that cannot be dealt with must not hold up those behind it.
            LogDropped(office.Log, exception, queue, vhost);
            Arrived(dead, offset);
        }
    }

    private void Arrived(DeadRun dead, long offset)
    {
        if (offset >= 0)
        {
            Arrived(dead.Only(offset, default));
        }
    }

    private void Arrived(DeadRun dead)
    {
        arrived?.Invoke([dead.Run with { Records = default }]);
        if (dead.IsTriedAgain)
        {
            _unsent?.NoteArrived(dead.Run.Count);
        }
    }

    /// <summary>Where a letter goes. An exchange that is out of reach is asked until it answers; one that is not there takes nothing.</summary>
    private async ValueTask<(string[] Queues, DeduplicationWindow? Window)> RouteAsync(DeadLetter letter)
    {
        if (letter.Via.Length > byte.MaxValue || letter.RoutingKey.Length > byte.MaxValue)
        {
            return ([], null);
        }

        while (true)
        {
            try
            {
                var path = office.Router.TryRoute(vhost, letter.Via, letter.RoutingKey, letter.MoreKeys, letter.Properties)
                    ?? await office.Router.RouteAsync(vhost, letter.Via, letter.RoutingKey, letter.MoreKeys, letter.Properties, office.Stopping)
                        .ConfigureAwait(false);
                return (path.Queues, path.Window);
            }
            catch (Exception exception) when (exception is not AmqpException && !office.Stopping.IsCancellationRequested)
            {
                LogNotRouted(office.Log, exception, queue, vhost);
                await Task.Delay(RouteAgainAfter, office.Time, office.Stopping).ConfigureAwait(false);
            }
        }
    }

    private string[] Targets(string[] queues, DeadLetter letter, DeadRun dead)
    {
        if (dead.Confirmed is { } confirmed)
        {
            queues = Array.FindAll(queues, target => Array.IndexOf(confirmed, target) < 0);
        }

        // What somebody rejects may go round: that is how messages are tried again later.
        if (dead.Reason == DeathReason.Rejected || !Array.Exists(queues, target => DeathHistory.LeadsRound(letter.Deaths, target)))
        {
            return queues;
        }

        LogCycle(office.Log, queue, vhost);
        return Array.FindAll(queues, target => !DeathHistory.LeadsRound(letter.Deaths, target));
    }

    private void Publish(LetterBatch letters)
    {
        var (targets, isKept) = (letters.Targets, letters.IsKept);
        if (letters.TryTake(out var batch, out var sources))
        {
            var kept = isKept ? new KeptLetters(targets, batch.Count, sources, Arrived, Keep) : null;
            var outcome = kept is not null || arrived is null ? null : new LetterOutcome(targets.Length, [.. sources.Select(static source => source.Dead.Run)], arrived);
            lock (_links.Gate)
            {
                for (var i = 0; i < targets.Length; i++)
                {
                    _links.Open(targets[i]).Publish(batch, kept?.Of(i) ?? outcome);
                }

                _links.Flush();
            }
        }
    }

    [LoggerMessage(3222, LogLevel.Warning, "A dead message of queue {Queue} in vhost {Vhost} was dropped: no dead letter can be made of it")]
    private static partial void LogDropped(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3225, LogLevel.Error, "Dead messages of queue {Queue} in vhost {Vhost} could not be read from the store; trying again")]
    private static partial void LogNotRead(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3227, LogLevel.Debug, "Dead messages of queue {Queue} in vhost {Vhost} are not sent any more, as the silo stops; what is stored of them is sent later")]
    private static partial void LogStopped(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3223, LogLevel.Warning, "A dead message of queue {Queue} in vhost {Vhost} could not be routed yet; trying again")]
    private static partial void LogNotRouted(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3224, LogLevel.Debug, "A dead message of queue {Queue} in vhost {Vhost} would have gone round for ever and was dropped")]
    private static partial void LogCycle(ILogger logger, string queue, string vhost);
}
