using Google.Protobuf;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Grpc.Publishing;
using Granary.V1;
using Grpc.Core;
using Settlement = Granary.Core.Links.Settlement;

namespace Granary.Gateway.Topology;

/// <summary>
/// Moves messages from a queue to another one, or each to the queue that it died in, last or first. A message is acknowledged when its new queue has confirmed it: one that is moved
/// while the process is lost may be in both, and is never in none. What cannot be moved goes back to its place, and the moving ends with it.
/// </summary>
internal sealed class MessageMove(GrpcServer server)
{
    /// <summary>So many messages are moved by one request at the most.</summary>
    public const int MostMessages = 10_000;

    private const int MostAtATime = 64;

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
        var messages = new List<Message>();
        var taken = new TakenMessages(shared.Links, queue, got => messages.Add(Read(got, destination, isFirst)));
        try
        {
            var more = true;
            while (more && moved < count)
            {
                messages.Clear();
                (error, more) = await taken.TakeAsync(Math.Min(MostAtATime, count - moved), server.Patience, aborted).ConfigureAwait(false);
                if (error is not null)
                {
                    return (error, new MovedMessages(moved, null));
                }

                var outcomes = await Task.WhenAll(messages.Select(message => PublishAsync(shared, message, aborted))).ConfigureAwait(false);
                taken.Settle(place => outcomes[place] is null ? Settlement.Ack : Settlement.Undelivered);
                moved += outcomes.Count(static refusal => refusal is null);
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
            await shared.Links.DrainAsync(queue).AsTask().WaitAsync(server.Patience, server.Clock, aborted).ConfigureAwait(false);
        }

        return (null, new MovedMessages(moved, null));
    }

    private static Message Read(GotItem got, string? destination, bool isFirst)
    {
        var record = new MessageRecord(got.Message!.Value.Batch.Records.Span);
        var message = new Message
        {
            RoutingKey = destination ?? DiedIn(Granary.Amqp.BasicProperties.Decode(record.Properties).Headers, isFirst) ?? "",
            Body = ByteString.CopyFrom(record.Body),
        };
        if (PropertiesDecoding.Decode(record.Properties.ToArray()) is { } properties)
        {
            message.Properties = properties;
        }

        return message;
    }

    // The newest death is the first.
    private static string? DiedIn(Granary.Amqp.FieldTable? headers, bool isFirst) =>
        headers is null ? null
        : isFirst ? headers.TryGetValue(FirstDeath, out var first) && first.TryGetText(out var origin) ? origin : null
        : headers.TryGetValue(Deaths, out var deaths) && deaths.TryGetArray(out var all)
        && all.Count > 0 && all[0].TryGetTable(out var death) && death.TryGetValue("queue", out var name) && name.TryGetText(out var queue) ? queue : null;

    // Null: its queue has it.
    private static async Task<string?> PublishAsync(UnaryLinks links, Message message, CancellationToken aborted)
    {
        if (message.RoutingKey.Length == 0)
        {
            return "A message does not say in which queue it died.";
        }

        try
        {
            var encoder = links.NewEncoder();
            encoder.Read(message);
            return await links.PublishAsync(encoder, aborted).ConfigureAwait(false) switch
            {
                PublishOutcome.Accepted => null,
                PublishOutcome.Unrouted => $"There is no queue '{message.RoutingKey}'.",
                _ => $"Queue '{message.RoutingKey}' does not take the message.",
            };
        }
        catch (RpcException refused)
        {
            return refused.Status.Detail;
        }
        catch (AmqpException refused)
        {
            return refused.Text;
        }
    }
}

/// <summary>What was moved.</summary>
/// <param name="Refusal">Why there was an end to it; null: as many were moved as there were, or were asked for.</param>
internal readonly record struct MovedMessages(int Count, string? Refusal);
