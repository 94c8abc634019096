using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Transactions;

/// <summary>
/// Has several queues do what belongs together, or none of them: all of them get ready, a row in the store decides, and all are told (decision 0036). Where they are on one
/// silo, it does all of that in one flush. It goes on though the client may be gone. If this process dies on the way, the queues find out by themselves.
/// </summary>
/// <param name="patience">How long a queue may take to get ready.</param>
/// <param name="decide">Writes that it takes effect, unless something else was written, and tells whether it does; may be asked again after it failed. Null: the nearest silo writes it.</param>
/// <param name="stopping">Nobody is waited for any more.</param>
/// <param name="apart">Knows which queues are not on one silo. Null: that is not tried.</param>
/// <param name="local">Where the queues of this process are reached without a call; null if they are not.</param>
public sealed partial class AtomicCommit(
    IGrainFactory grains, string vhost, TimeProvider clock, TimeSpan patience, ILogger log, CancellationToken stopping, Func<TransactionId, ValueTask<bool>>? decide = null,
    QueuesApart? apart = null, ILocalTransactions? local = null)
{
    /// <summary>That all is ready may still be decided long after a queue has given up waiting for it: it is that queue's word then that holds.</summary>
    private static readonly TimeSpan DecidedWithin = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(20);

    private readonly Func<TransactionId, ValueTask<bool>> _decide = decide ?? (id => grains.Transactions().DecideAsync(id));

    /// <param name="parts">By the names of their queues.</param>
    /// <param name="mayMiss">Asked, when some queues are not there, whether it may take effect without what was published to them.</param>
    public async Task<AtomicResult> RunAsync(IReadOnlyDictionary<string, TransactionPart> parts, Func<IReadOnlySet<string>, bool> mayMiss)
    {
        if (await TryTogetherAsync(parts).ConfigureAwait(false) is { } result)
        {
            return result;
        }

        // By another id: what was tried under the first may still be under way, and comes to nothing.
        var id = TransactionId.New();
        parts = parts.ToDictionary(static part => part.Key, part => part.Value with { Id = id }, StringComparer.Ordinal);
        var answers = await Task.WhenAll(parts.Select(part => PrepareAsync(part.Key, part.Value))).ConfigureAwait(false);
        var missing = answers.Where(answer => answer.Answer == PrepareAnswer.NoQueue).Select(answer => answer.Queue).ToHashSet(StringComparer.Ordinal);
        var silent = answers.Where(answer => answer.Answer == PrepareAnswer.Elsewhere).Select(answer => answer.Queue).ToHashSet(StringComparer.Ordinal);
        string[] queues = [.. answers.Where(answer => answer.Answer == PrepareAnswer.Prepared).Select(answer => answer.Queue)];
        var outcome =
            answers.Any(answer => answer.Answer == PrepareAnswer.Full) ? AtomicOutcome.Full
            : answers.Any(answer => answer.Answer == PrepareAnswer.NotHeld) || missing.Any(queue => parts[queue].Settlements.Length > 0) ? AtomicOutcome.NotHeld
            : answers.Any(answer => answer.Answer == PrepareAnswer.Elsewhere) ? AtomicOutcome.OutOfReach
            : missing.Count > 0 && !mayMiss(missing) ? AtomicOutcome.Unrouted
            : AtomicOutcome.Done;
        if (outcome == AtomicOutcome.Done && queues.Length > 0)
        {
            outcome = await DecideAsync(id).ConfigureAwait(false);
        }

        if (outcome != AtomicOutcome.Unknown)
        {
            // A queue that did not answer may be ready nevertheless.
            await TellAllAsync(parts.Keys.Where(queue => !missing.Contains(queue)), id, outcome == AtomicOutcome.Done).ConfigureAwait(false);
        }

        if (outcome == AtomicOutcome.Done && queues.Length > 0)
        {
            _ = FinishAsync(queues, id);
        }

        return new AtomicResult(outcome, missing, silent);
    }

    /// <summary>Has the silo do it that one of the queues is on.</summary>
    /// <returns>Null: nothing came of that, and it has to be done as where they are on several.</returns>
    private async Task<AtomicResult?> TryTogetherAsync(IReadOnlyDictionary<string, TransactionPart> parts)
    {
        if (apart is null || parts.Count < 2 || apart.Has(vhost, parts.Keys))
        {
            return null;
        }

        var id = parts.Values.First().Id;
        JointAnswer answer;
        try
        {
            QueuePart[] queues = [.. parts.Select(static part => new QueuePart(part.Key, part.Value))];
            answer = await AskTogetherAsync(queues).WaitAsync(patience, clock, stopping).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogAgain(log, exception);
            return await TryResolveAsync(parts.Keys, id).ConfigureAwait(false);
        }

        switch (answer.Outcome)
        {
            case JointOutcome.Apart:
                apart.Note(vhost, parts.Keys);
                return null;
            case JointOutcome.Done or JointOutcome.DoneElsewhere:
                if (answer.Outcome == JointOutcome.DoneElsewhere)
                {
                    await TellAllAsync(parts.Keys, id, takesEffect: true).ConfigureAwait(false);
                }

                _ = FinishAsync([.. parts.Keys], id);
                return ResultOf(AtomicOutcome.Done);
            default:
                return answer.Answers.Contains(PrepareAnswer.Full) ? ResultOf(AtomicOutcome.Full)
                    : answer.Answers.Contains(PrepareAnswer.NotHeld) ? ResultOf(AtomicOutcome.NotHeld)
                    : null;
        }
    }

    private async Task<JointAnswer> AskTogetherAsync(QueuePart[] queues)
    {
        if (local is not null)
        {
            // Who commits may be under a gate.
            await TurnThread.Later();
            if (local.TryCommit(vhost, queues) is { } here)
            {
                return await here.ConfigureAwait(false);
            }
        }

        await OwnThread.Leave();
        return await grains.Queue(vhost, queues[0].Queue).CommitTogetherAsync(queues).ConfigureAwait(false);
    }

    /// <summary>The silo has not answered: whether it happened has been decided by now, or is decided hereby.</summary>
    private async Task<AtomicResult?> TryResolveAsync(IEnumerable<string> queues, TransactionId id)
    {
        bool takesEffect;
        try
        {
            takesEffect = await AskAsync(() => grains.Transactions().ResolveAsync(id), DecidedWithin).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            LogNotDecided(log, exception, id.Value);
            return ResultOf(AtomicOutcome.Unknown);
        }

        await TellAllAsync(queues, id, takesEffect).ConfigureAwait(false);
        if (!takesEffect)
        {
            return null;
        }

        _ = FinishAsync([.. queues], id);
        return ResultOf(AtomicOutcome.Done);
    }

    private static AtomicResult ResultOf(AtomicOutcome outcome) => new(outcome, new HashSet<string>(), new HashSet<string>());

    private Task TellAllAsync(IEnumerable<string> queues, TransactionId id, bool takesEffect) =>
        Task.WhenAll(queues.Select(queue => TellAsync(queue, id, takesEffect)));

    private async Task<(string Queue, PrepareAnswer Answer)> PrepareAsync(string name, TransactionPart part)
    {
        var queue = grains.Queue(vhost, name);
        var began = clock.GetTimestamp();
        while (true)
        {
            var answer = PrepareAnswer.Elsewhere;
            try
            {
                answer = await AskAsync(() => queue.PrepareAsync(part), patience).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
            {
                LogNotPrepared(log, exception, name, vhost);
                return (name, PrepareAnswer.Elsewhere);
            }

            if (answer != PrepareAnswer.Elsewhere || clock.GetElapsedTime(began) > patience)
            {
                return (name, answer);
            }

            await Task.Delay(AskAgainAfter, clock, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task<AtomicOutcome> DecideAsync(TransactionId id)
    {
        try
        {
            return await AskAsync(() => _decide(id), DecidedWithin).ConfigureAwait(false) ? AtomicOutcome.Done : AtomicOutcome.OutOfReach;
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            LogNotDecided(log, exception, id.Value);
            return AtomicOutcome.Unknown;
        }
    }

    // Whoever is not reached finds out by itself: it is decided.
    private async Task TellAsync(string name, TransactionId id, bool takesEffect)
    {
        var queue = grains.Queue(vhost, name);
        try
        {
            await AskAsync(
                async () =>
                {
                    await queue.DecideAsync(id, takesEffect).ConfigureAwait(false);
                    return true;
                },
                patience).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            LogNotTold(log, exception, name, vhost);
        }
    }

    /// <summary>What was decided may be forgotten when all queues have stored what they did. Otherwise it stays until somebody clears it up.</summary>
    private async Task FinishAsync(string[] queues, TransactionId id)
    {
        // Not before the answer that is due.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (local is not null && await TryFinishAsync(local, queues, id).ConfigureAwait(false))
        {
            return;
        }

        try
        {
            await Task.WhenAll(queues.Select(name => AskAsync(
                async () =>
                {
                    await grains.Queue(vhost, name).FinishAsync(id).ConfigureAwait(false);
                    return true;
                },
                DecidedWithin).AsTask())).ConfigureAwait(false);
            await AskAsync(
                async () =>
                {
                    await grains.Transactions().ForgetAsync(id).ConfigureAwait(false);
                    return true;
                },
                patience).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            LogNotFinished(log, exception, id.Value);
        }
    }

    private async Task<bool> TryFinishAsync(ILocalTransactions local, string[] queues, TransactionId id)
    {
        try
        {
            await local.FinishAsync(vhost, queues, id).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            LogAgain(log, exception);
            return false;
        }
    }

    private ValueTask<T> AskAsync<T>(Func<ValueTask<T>> call, TimeSpan within) =>
        PatientCall.AskAsync(call, clock, within, exception => LogAgain(log, exception), stopping);

    [LoggerMessage(1009, LogLevel.Debug, "Queue {Queue} in vhost {Vhost} did not get ready for a transaction in time; nothing comes of it")]
    private static partial void LogNotPrepared(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(1010, LogLevel.Warning, "What becomes of transaction {Transaction} is not known: no silo has answered")]
    private static partial void LogNotDecided(ILogger logger, Exception exception, Guid transaction);

    [LoggerMessage(1011, LogLevel.Debug, "Queue {Queue} in vhost {Vhost} could not be told what becomes of a transaction; it finds out by itself")]
    private static partial void LogNotTold(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(1012, LogLevel.Debug, "What is left of transaction {Transaction} could not be cleared up yet")]
    private static partial void LogNotFinished(ILogger logger, Exception exception, Guid transaction);

    [LoggerMessage(1013, LogLevel.Debug, "A call for a transaction was not answered; it is made again")]
    private static partial void LogAgain(ILogger logger, Exception exception);
}
