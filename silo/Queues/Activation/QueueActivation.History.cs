using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>What an exchange published last goes once more to who is bound to it later (x-recent-history).</summary>
internal sealed partial class QueueActivation
{
    /// <summary>Who is bound is not kept waiting for longer by a queue, or exchange, that is out of reach: it has the messages when it is there again.</summary>
    private static readonly TimeSpan ReplayPatience = TimeSpan.FromSeconds(5);

    /// <summary>By their requests: whoever has had no answer asks again.</summary>
    private readonly Dictionary<Guid, Task> _replays = [];
    private readonly Queue<Guid> _replayed = new();
    private DeadLetterOutbox? _replayOutbox;
    private Task _lastReplay = Task.CompletedTask;
    private TaskCompletionSource? _isSent;
    private long _unsent;

    public async ValueTask ReplayAsync(Destination to, Guid request)
    {
        await _recovered.Task.ConfigureAwait(false);
        var state = (this, to, request);
        if (!_turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, Destination To, Guid Request) call) =>
            {
                call.Activation.NoteCall();
                return call.Activation.Replay(call.To, call.Request);
            },
            out var replay))
        {
            LookForAnother();
            throw new InvalidOperationException("The activation has ended; the next one is to be asked.");
        }

        await replay.ConfigureAwait(false);
    }

    private Task Replay(Destination to, Guid request)
    {
        if (_replays.TryGetValue(request, out var known))
        {
            return known;
        }

        if (_slot.Queue is not { } queue || queue.ListHistory() is not { Count: > 0 } runs)
        {
            return Task.CompletedTask;
        }

        var (before, journal, most) = (_lastReplay, queue.Storage?.Journal, queue.Definition.Settings.MaxLength!.Value);
        _lastReplay = Task.Run(() => SendAgainAsync(before, runs, journal, most, to));
        _replays.Add(request, _lastReplay);
        _replayed.Enqueue(request);
        if (_replayed.Count > MostRemembered)
        {
            _replays.Remove(_replayed.Dequeue());
        }

        return _lastReplay;
    }

    /// <param name="most">There may be more for a moment: the first are dropped only when they were read from the store.</param>
    private async Task SendAgainAsync(Task before, List<(MessageRun Run, long End)> runs, QueueJournal? journal, long most, Destination to)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var rule = to.Kind == DestinationKind.Queue ? new DeadLetterRule("", null) { Queue = to.Name } : new DeadLetterRule(to.Name, null);
        List<MessageRun> loaded = [];
        foreach (var (run, end) in runs)
        {
            loaded.AddRange(run.IsLoaded ? [run] : await ReadAllAsync(journal!, run.First, end).ConfigureAwait(false));
        }

        List<DeadRun> all = [];
        var excess = loaded.Sum(static run => (long)run.Count) - most;
        foreach (var run in loaded)
        {
            var skipped = (int)Math.Clamp(excess, 0, run.Count);
            excess -= skipped;
            if (skipped < run.Count)
            {
                all.Add(new DeadRun(run.Part(skipped, run.Count), DeathReason.Again, rule));
            }
        }

        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        (_isSent, _unsent) = (sent, all.Sum(static run => (long)run.Run.Count));
        if (_unsent == 0)
        {
            return;
        }

        (_replayOutbox ??= new DeadLetterOutbox(_services.Office, _vhost, _name, NoteSent)).Post(all);
        await sent.Task.WaitAsync(ReplayPatience, _services.Time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void NoteSent(IReadOnlyList<MessageRun> runs)
    {
        if (Interlocked.Add(ref _unsent, -runs.Sum(static run => (long)run.Count)) <= 0)
        {
            _isSent!.TrySetResult();
        }
    }

    /// <summary>What the store has from one offset to another: some of it may have gone meanwhile.</summary>
    private async Task<List<MessageRun>> ReadAllAsync(QueueJournal journal, long first, long end)
    {
        List<MessageRun> read = [];
        for (var at = first; at < end;)
        {
            var some = await journal.ReadAsync(at, end, ReadAtOnce, _ended.Token).ConfigureAwait(false);
            if (some.Length == 0)
            {
                break;
            }

            read.AddRange(some);
            at = some[^1].End;
        }

        return read;
    }
}
