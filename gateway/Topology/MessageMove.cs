using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Publishing;
using Grpc.Core;
using Settlement = Granary.Core.Links.Settlement;

namespace Granary.Gateway.Topology;

/// <summary>
/// Moves messages from a queue to another one, or each to the queue that it died in, last or first, and nowhere else, whatever further keys it has. A message is acknowledged
/// when its new queue has confirmed it: one that is moved while the process is lost may be in both, and is never in none. What cannot be moved goes back to its place, and the
/// moving ends with it; what was on its way behind it by then, and is taken, has been moved as well. No more are moved than were ready at first: what comes back from where it was
/// moved to, because it dies there again, does not go round.
/// </summary>
internal sealed class MessageMove(GrpcServer server)
{
    /// <summary>So many messages are moved by one request at the most.</summary>
    public const int MostMessages = 10_000;

    /// <summary>Octets that are on their way at the same time; there is one message in any case.</summary>
    private const long MostBytes = 32 * 1024 * 1024;

    private const string Deaths = "x-death";
    private const string FirstDeath = "x-first-death-queue";

    /// <param name="destination">Null: of each message the queue that it died in.</param>
    /// <param name="isFirst">That is the one that it died in first, if it died in several.</param>
    /// <param name="count">So many at the most.</param>
    /// <returns>How many were moved, and why there was an end to it; or why nothing can be taken from the queue.</returns>
    public async Task<(BrokerError? Error, MovedMessages Moved)> RunAsync(Caller caller, string queue, string? destination, bool isFirst, int count, CancellationToken aborted)
    {
        var shared = server.UnaryLinksOf(caller);
        var error = await shared.Rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), aborted).ConfigureAwait(false);
        if (error is not null)
        {
            return (error, default);
        }

        var moved = 0;
        long? ready = null;
        var messages = new List<byte[]>();
        var taken = new TakenMessages(shared.Links, queue, got =>
        {
            ready ??= got.MessageCount + 1;
            messages.Add(new MessageRecord(got.Message!.Value.Batch.Records.Span).Bytes.ToArray());
        });
        try
        {
            var more = true;
            while (more && moved < Most(count, ready))
            {
                messages.Clear();
                (error, more) = await taken.TakeAsync(Math.Min(taken.Fitting(MostBytes), Most(count, ready) - moved), server.Patience, aborted).ConfigureAwait(false);
                if (error is not null)
                {
                    return (error, new MovedMessages(moved, null));
                }

                var outcomes = await PublishAsync(shared, messages, queue, destination, isFirst, aborted).ConfigureAwait(false);
                taken.Settle(place => place < outcomes.Length && outcomes[place] is null ? Settlement.Ack : Settlement.Undelivered);
                moved += outcomes.Count(static refusal => refusal is null);
                aborted.ThrowIfCancellationRequested();
                if (Array.Find(outcomes, static refusal => refusal is not null) is { } refusal)
                {
                    return (null, new MovedMessages(moved, refusal));
                }
            }
        }
        finally
        {
            taken.End();
            taken.Settle(Settlement.Undelivered);
            await RunningTime.WaitAsync(shared.Links.DrainAsync(queue).AsTask(), server.Patience, server.Clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return (null, new MovedMessages(moved, null));
    }

    private static int Most(int count, long? ready) => (int)Math.Min(count, ready ?? count);

    /// <summary>Publishes them, in their order, up to the first that is known to be refused.</summary>
    /// <returns>Of each that was published, and of that one: why it is not where it was to go; null: its queue has it.</returns>
    private async Task<string?[]> PublishAsync(UnaryLinks links, List<byte[]> messages, string from, string? destination, bool isFirst, CancellationToken aborted)
    {
        var outcomes = new List<Task<string?>>(messages.Count);
        foreach (var message in messages)
        {
            outcomes.Add(await SendAsync(links, message, from, destination, isFirst, aborted).ConfigureAwait(false));
            if (outcomes.Exists(static outcome => outcome is { IsCompletedSuccessfully: true, Result: not null }))
            {
                break;
            }
        }

        return await Task.WhenAll(outcomes).ConfigureAwait(false);
    }

    /// <returns>When it has been sent, what is waited for to know why its queue does not have it.</returns>
    private async ValueTask<Task<string?>> SendAsync(UnaryLinks links, byte[] message, string from, string? destination, bool isFirst, CancellationToken aborted)
    {
        try
        {
            if ((destination ?? DiedIn(message, isFirst)) is not { Length: > 0 } queue)
            {
                return Task.FromResult<string?>("A message does not say in which queue it died.");
            }

            if (queue == from)
            {
                return Task.FromResult<string?>("A message died in the queue that it is in.");
            }

            var encoder = links.NewEncoder();
            encoder.ReadMoved(message, queue);
            return RefusalAsync(await links.SendAsync(encoder, aborted).ConfigureAwait(false), queue, aborted);
        }
        catch (RpcException refused)
        {
            return Task.FromResult<string?>(refused.Status.Detail);
        }
        catch (AmqpException refused)
        {
            return Task.FromResult<string?>(refused.Text);
        }
        catch (OperationCanceledException) when (aborted.IsCancellationRequested)
        {
            return Task.FromResult<string?>("Nobody waits for it any more.");
        }
    }

    private async Task<string?> RefusalAsync(Task<PublishOutcome> outcome, string queue, CancellationToken aborted)
    {
        try
        {
            // Whoever asked may have gone: what has been sent is settled by what becomes of it all the same, for a while.
            await ((Task)outcome).WaitAsync(aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return await RunningTime.WaitAsync(outcome, server.Patience, server.Clock, CancellationToken.None).ConfigureAwait(false) switch
            {
                PublishOutcome.Accepted => null,
                PublishOutcome.Unrouted => $"There is no queue '{queue}'.",
                _ => $"Queue '{queue}' does not take the message.",
            };
        }
        catch (RpcException lost)
        {
            return lost.Status.Detail;
        }
        catch (TimeoutException)
        {
            return $"Queue '{queue}' did not answer in time.";
        }
    }

    // The newest death is the first.
    private static string? DiedIn(byte[] message, bool isFirst)
    {
        if (!BasicPropertiesView.Read(new MessageRecord(message).Properties).TryGetHeaders(out var content))
        {
            return null;
        }

        var headers = FieldTable.Decode(content);
        return isFirst ? headers.TryGetValue(FirstDeath, out var first) && first.TryGetText(out var origin) ? origin : null
            : headers.TryGetValue(Deaths, out var deaths) && deaths.TryGetArray(out var all)
            && all.Count > 0 && all[0].TryGetTable(out var death) && death.TryGetValue("queue", out var name) && name.TryGetText(out var queue) ? queue : null;
    }
}

/// <summary>What was moved.</summary>
/// <param name="Refusal">Why there was an end to it; null: as many were moved as there were, or were asked for.</param>
internal readonly record struct MovedMessages(int Count, string? Refusal);
