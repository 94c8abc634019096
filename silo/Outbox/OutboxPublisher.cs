using System.Text.Json;
using Granary.Amqp;
using Granary.Core.Alarms;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Core.Transactions;
using Granary.Silo.Hosting;
using Granary.Silo.Storage.Postgres;
using Granary.Silo.Transactions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Silo.Outbox;

/// <summary>
/// Publishes what <c>granary.publish</c> puts into the database, at once and once (decision 0039). Each batch is a transaction over the queues that it goes to, and what decides that
/// one is written in the transaction of the database that deletes the messages from the outbox. All silos are told of new messages, and one at a time takes them.
/// </summary>
internal sealed partial class OutboxPublisher(
    StoreOptions options, IServiceProvider services, IGrainFactory grains, IHostApplicationLifetime lifetime, PublisherAlarms alarms, OutboxWaiting waiting, TimeProvider time,
    ILogger<OutboxPublisher> log) : BackgroundService
{
    private const int MostMessages = 500;
    private const long MostBytes = 4 << 20;
    private const string NoQueue = "the message is mandatory and has no queue";
    private const string NoQueueAnswered = "a queue did not answer in time";
    private const string MarkOfExchange = "exchange ";
    private const string NoExchangeAnswered = "the exchange did not answer in time";

    /// <summary>
    /// How long each step waits for a queue. Longer than the loss of a silo takes; and three times this, for a queue that is asked twice and then told that nothing comes of
    /// it, is shorter than the transaction of the database may be silent (<c>begin-outbox.sql</c>).
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>A notice may have come to a silo that was lost before it did anything about it.</summary>
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(0.25);

    /// <summary>For so long messages wait in their order for a queue or exchange that does not answer. It is out of reach for longer only if something is wrong with it; then it is overtaken.</summary>
    private static readonly TimeSpan Overtaken = TimeSpan.FromMinutes(1);

    private readonly OutboxEncoder _encoder = new();

    /// <summary>Who does not answer, and since when: queues, and exchanges with a mark before their names.</summary>
    private readonly Dictionary<(string Vhost, string Name), long> _silent = [];

    /// <summary>Queues that have just not answered: what goes to them is left out once, so that the rest is published.</summary>
    private readonly HashSet<(string Vhost, string Name)> _avoided = [];
    private TransactionDecisions? _decisions;
    private string? _member;

    /// <summary>So many are to be published one by one, since a queue of one of them keeps the others from being published.</summary>
    private int _single;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await lifetime.WhenStartedAsync(stoppingToken).ConfigureAwait(false);
            _decisions = services.GetRequiredService<TransactionDecisions>();
            _member = services.GetService<SiloLosses>()?.Own;
            using var router = new Router(grains, time, services.GetRequiredService<ILogger<Router>>());
            await using var database = DatabaseConnections.CreateForOutbox(new PostgresOptions(options.Connection!), new ServerGeneration(log));
            while (true)
            {
                try
                {
                    await using var connection = await database.OpenConnectionAsync(stoppingToken).ConfigureAwait(false);
                    await ListenAsync(connection, router, stoppingToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    // The database is out of reach, which the store tells of, or a silo went. Nothing is lost: it is all in the database.
                    LogAgain(exception);
                    await Task.Delay(TryAgainAfter, time, stoppingToken).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task ListenAsync(NpgsqlConnection connection, Router router, CancellationToken stopping)
    {
        await using (var listen = new NpgsqlCommand("listen granary_outbox", connection))
        {
            await listen.ExecuteNonQueryAsync(stopping).ConfigureAwait(false);
        }

        // What is noticed with the answer to something else is not waited for.
        var isNoticed = false;
        connection.Notification += (_, _) => isNoticed = true;
        while (true)
        {
            await waiting.LookAsync(connection, stopping).ConfigureAwait(false);
            isNoticed = false;
            var pause = await PublishAsync(connection, router, stopping).ConfigureAwait(false);
            if (pause > TimeSpan.Zero && !isNoticed)
            {
                await connection.WaitAsync(pause, stopping).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One batch.</summary>
    /// <returns>How long to wait for a notice before the next; zero: not at all.</returns>
    private async Task<TimeSpan> PublishAsync(NpgsqlConnection connection, Router router, CancellationToken stopping)
    {
        if (alarms.IsRaised)
        {
            return TryAgainAfter;
        }

        var turn = await OutboxTurn.TryBeginAsync(connection, stopping).ConfigureAwait(false);
        if (turn is null)
        {
            return LookAgainAfter;
        }

        await using (turn.ConfigureAwait(false))
        {
            var due = await turn.ReadAsync(_single > 0 && _avoided.Count == 0 ? 1 : MostMessages, MostBytes, stopping).ConfigureAwait(false);
            if (due.Count == 0)
            {
                _single = 0;
                var next = await turn.ReadNextAsync(stopping).ConfigureAwait(false) ?? LookAgainAfter;
                await turn.CommitAsync().ConfigureAwait(false);
                return next < LookAgainAfter ? next + TimeSpan.FromMilliseconds(1) : LookAgainAfter;
            }

            return await PublishAsync(turn, [.. due.Where(message => message.Vhost == due[0].Vhost)], router, stopping).ConfigureAwait(false);
        }
    }

    /// <param name="messages">Of one vhost.</param>
    private async Task<TimeSpan> PublishAsync(OutboxTurn turn, List<OutboxMessage> messages, Router router, CancellationToken stopping)
    {
        var vhost = messages[0].Vhost;
        List<(OutboxMessage Message, string Reason)> refused = [];
        List<(OutboxMessage Message, string[] Queues)> routed = [];
        var parts = new OutboxParts();
        var outOfReach = new HashSet<string>(StringComparer.Ordinal);

        // What follows a message that is left out waits with it where it goes to one of its queues: all of a queue's messages stay in order.
        var avoided = _avoided.Where(queue => queue.Vhost == vhost).Select(static queue => queue.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var message in messages)
        {
            var (queues, batch, reason) = await RouteAsync(message, router, outOfReach, stopping).ConfigureAwait(false);
            if (reason == NoExchangeAnswered && !IsSilentForLong(vhost, MarkOfExchange + message.Exchange))
            {
                // Nobody knows which queues it goes to.
                break;
            }

            if (reason is not null)
            {
                refused.Add((message, reason));
            }
            else if (queues.Any(avoided.Contains))
            {
                avoided.UnionWith(queues);
            }
            else
            {
                parts.Add(queues, batch);
                routed.Add((message, queues));
                if (_single > 0)
                {
                    break;
                }
            }
        }

        _avoided.Clear();
        if (routed.Count + refused.Count == 0)
        {
            await turn.CommitAsync().ConfigureAwait(false);
            return TryAgainAfter;
        }

        await PostponeAsync(turn, refused).ConfigureAwait(false);
        var ids = routed.Select(static one => one.Message.Id).ToArray();
        var decided = false;
        var became = AtomicOutcome.Done;
        IReadOnlySet<string> silent = new HashSet<string>();
        if (!parts.IsEmpty)
        {
            // A try that failed may have happened nevertheless: from then on it is decided that nothing comes of it, unless it has.
            var tried = false;
            var commit = new AtomicCommit(grains, vhost, time, Patience, log, stopping, async id =>
            {
                decided = true;
                if (!tried)
                {
                    tried = true;
                    try
                    {
                        if (await turn.TryDecideAsync(ids, id, time.GetUtcNow()).ConfigureAwait(false))
                        {
                            return true;
                        }
                    }
                    catch (Exception exception) when (PostgresFailure.Of(exception) is not null)
                    {
                        LogAgain(exception);
                    }
                }

                return await _decisions!.ResolveAsync(id).ConfigureAwait(false);
            });
            var result = await commit.RunAsync(
                parts.ToParts(TransactionPart.ByOutbox(_member)),
                missing => !routed.Exists(one => one.Message.IsMandatory && Array.TrueForAll(one.Queues, missing.Contains))).ConfigureAwait(false);
            (became, silent) = (result.Outcome, result.Silent);
        }

        if (became == AtomicOutcome.Done)
        {
            foreach (var queue in routed.SelectMany(static one => one.Queues))
            {
                _silent.Remove((vhost, queue));
            }
        }

        if (decided)
        {
            // The turn is over, whatever came of it.
            return became == AtomicOutcome.Done ? TimeSpan.Zero : TryAgainAfter;
        }

        switch (became)
        {
            case AtomicOutcome.Done:
                await turn.DeleteAsync(ids).ConfigureAwait(false);
                break;
            case AtomicOutcome.OutOfReach:
                var given = silent.Where(queue => IsSilentForLong(vhost, queue)).ToHashSet(StringComparer.Ordinal);
                await PostponeAsync(turn, [.. routed.Where(one => one.Queues.Any(given.Contains)).Select(static one => (one.Message, NoQueueAnswered))]).ConfigureAwait(false);
                _avoided.UnionWith(silent.Except(given).Select(queue => (vhost, queue)));
                await turn.CommitAsync().ConfigureAwait(false);

                // None of those that are to be published one by one was.
                return TimeSpan.Zero;
            case AtomicOutcome.Unknown:
                // The node stops.
                return TryAgainAfter;
            case var _ when routed.Count > 1:
                _single = routed.Count + 1;
                break;
            default:
                await PostponeAsync(turn, [(routed[0].Message, ReasonOf(became))]).ConfigureAwait(false);
                break;
        }

        await turn.CommitAsync().ConfigureAwait(false);
        _single = Math.Max(0, _single - 1);
        return TimeSpan.Zero;
    }

    /// <param name="outOfReach">Exchanges that have not answered: they are not waited for again, message by message.</param>
    /// <returns>The reason: why it cannot be published yet, or null.</returns>
    private async Task<(string[] Queues, MessageBatch Batch, string? Reason)> RouteAsync(
        OutboxMessage message, Router router, HashSet<string> outOfReach, CancellationToken stopping)
    {
        if (outOfReach.Contains(message.Exchange))
        {
            return ([], default, NoExchangeAnswered);
        }

        try
        {
            var encoded = _encoder.Encode(message);
            var path = router.TryRoute(message.Vhost, encoded.Exchange, encoded.RoutingKey, encoded.Copies, encoded.Properties)
                ?? await PatientCall.AskAsync(
                    () => router.RouteAsync(message.Vhost, encoded.Exchange, encoded.RoutingKey, encoded.Copies, encoded.Properties, stopping), time, Patience, LogAgain, stopping)
                    .ConfigureAwait(false);
            if (path.Error is { } error)
            {
                return ([], default, error.Explanation);
            }

            if (path.Queues.Length == 0 && message.IsMandatory)
            {
                return ([], default, NoQueue);
            }

            _silent.Remove((message.Vhost, MarkOfExchange + message.Exchange));
            return (path.Queues, encoded.Batch with { Window = path.Window }, null);
        }
        catch (TimeoutException exception)
        {
            LogAgain(exception);
            outOfReach.Add(message.Exchange);
            return ([], default, NoExchangeAnswered);
        }
        catch (Exception exception) when (exception is AmqpException or JsonException or ArgumentException)
        {
            return ([], default, exception.Message);
        }
    }

    private static string ReasonOf(AtomicOutcome outcome) => outcome switch
    {
        AtomicOutcome.Full => "a queue refused the message",
        AtomicOutcome.Unrouted => NoQueue,
        _ => NoQueueAnswered,
    };

    /// <summary>Whether it has not answered for so long that it is not waited for any more. To be asked when it has just not answered.</summary>
    private bool IsSilentForLong(string vhost, string name)
    {
        if (!_silent.TryGetValue((vhost, name), out var since))
        {
            _silent.Add((vhost, name), since = time.GetTimestamp());
        }

        return time.GetElapsedTime(since) >= Overtaken;
    }

    private async Task PostponeAsync(OutboxTurn turn, List<(OutboxMessage Message, string Reason)> refused)
    {
        if (refused.Count > 0 && await turn.PostponeAsync(refused).ConfigureAwait(false) is > 0 and var news)
        {
            var (message, reason) = refused[0];
            LogPostponed(news, message.Exchange, message.Vhost, reason);
        }
    }

    [LoggerMessage(3351, LogLevel.Warning, "{Count} messages that granary.publish put into the database cannot be published yet, the first of them to exchange '{Exchange}' in vhost '{Vhost}': {Reason}. They stay in granary.outbox, and are tried again within a minute each time")]
    private partial void LogPostponed(long count, string exchange, string vhost, string reason);

    [LoggerMessage(3352, LogLevel.Debug, "Messages in the database could not be published; it is tried again at once")]
    private partial void LogAgain(Exception exception);

    [LoggerMessage(3353, LogLevel.Debug, "Messages in the database wait for the next start, or for another silo")]
    private partial void LogStopped();
}
