using Google.Protobuf;
using Granary.Amqp;
using Granary.Core.Access;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Management.Frame;
using Granary.V1;
using Grpc.Core;
using Settlement = Granary.Core.Links.Settlement;

namespace Granary.Gateway.Management.Queues;

/// <summary>
/// Moves messages from a queue to another one, or each to the queue that it died in, last or first. A message is acknowledged when its new queue has confirmed it: one that is moved
/// while the process is lost may be in both, and is never in none. What cannot be moved goes back to its place, and the moving ends with it.
/// </summary>
internal sealed class MessageMove(GrpcServer server)
{
    private const int MostAtATime = 64;

    private const string Deaths = "x-death";
    private const string FirstDeath = "x-first-death-queue";

    /// <param name="destination">Null: of each message the queue that it died in.</param>
    /// <param name="isFirst">That is the one that it died in first, if it died in several.</param>
    public async Task<MovedJson> RunAsync(ApiCall call, string vhost, string queue, string? destination, bool isFirst, int count)
    {
        var shared = server.UnaryLinksOf(new Caller(call.User.Name, vhost, call.User.Access));
        ApiException.ThrowIf(await shared.Rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), call.Aborted).ConfigureAwait(false));
        var moved = 0;
        var messages = new List<Message>();
        var taken = new TakenMessages(shared.Links, queue, got => messages.Add(Read(got, destination, isFirst)));
        try
        {
            var more = true;
            while (more && moved < count)
            {
                messages.Clear();
                more = await taken.TakeAsync(Math.Min(MostAtATime, count - moved), server.Patience, call.Aborted).ConfigureAwait(false);
                var outcomes = await Task.WhenAll(messages.Select(message => PublishAsync(shared, message, call.Aborted))).ConfigureAwait(false);
                taken.Settle(place => outcomes[place] is null ? Settlement.Ack : Settlement.Undelivered);
                moved += outcomes.Count(static refusal => refusal is null);
                if (Array.Find(outcomes, static refusal => refusal is not null) is { } refusal)
                {
                    return new MovedJson(moved) { Refusal = refusal };
                }
            }
        }
        finally
        {
            taken.End();
            taken.Settle(Settlement.Undelivered);
            await shared.Links.DrainAsync(queue).AsTask().WaitAsync(server.Patience, server.Clock, call.Aborted).ConfigureAwait(false);
        }

        return new MovedJson(moved);
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

/// <summary>Which messages are to be moved.</summary>
internal sealed record MoveRequest
{
    public const string First = "first";
    public const string Last = "last";

    /// <summary>At the most.</summary>
    public int Count { get; set; } = MoveResource.MostMessages;

    /// <summary>Null: to where each came from.</summary>
    public string? Queue { get; set; }

    /// <summary>Where that is, if a message died in several queues: in the <c>first</c>, or in the <c>last</c>.</summary>
    public string Death { get; set; } = Last;
}

/// <summary>What was moved.</summary>
internal sealed record MovedJson(int Moved)
{
    /// <summary>Why there was an end to it; null: as many were moved as there were, or were asked for.</summary>
    public string? Refusal { get; init; }
}

/// <summary><c>POST /api/queues/…/move</c>, which RabbitMQ does not have.</summary>
internal sealed class MoveResource(MessageMove move) : IResource
{
    public const int MostMessages = 10_000;

    public void Map(ApiRoutes routes) => routes.Post("/queues/{vhost}/{name}/move", Need.Management, MoveAsync);

    private async Task MoveAsync(ApiCall call)
    {
        var (vhost, name) = (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);
        var asked = await call.ReadOrEmptyAsync(ApiJson.Default.MoveRequest).ConfigureAwait(false);
        if (asked.Queue == name)
        {
            throw ApiException.BadRequest("The messages are in that queue");
        }

        if (asked.Count is < 1 or > MostMessages)
        {
            throw ApiException.BadRequest($"count is a number of messages, 1 to {MostMessages}");
        }

        if (asked.Death is not (MoveRequest.First or MoveRequest.Last))
        {
            throw ApiException.BadRequest($"death is first or last: {asked.Death}");
        }

        await call.ReplyAsync(await move.RunAsync(call, vhost, name, asked.Queue, asked.Death == MoveRequest.First, asked.Count).ConfigureAwait(false), ApiJson.Default.MovedJson).ConfigureAwait(false);
    }
}
