using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Queues;

/// <summary>Which messages are to be moved.</summary>
internal sealed record MoveRequest
{
    public const string First = "first";
    public const string Last = "last";

    /// <summary>At the most.</summary>
    public int Count { get; set; } = MessageMove.MostMessages;

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
    public void Map(ApiRoutes routes) => routes.Post("/queues/{vhost}/{name}/move", Need.Management, MoveAsync);

    private async Task MoveAsync(ApiCall call)
    {
        var (vhost, name) = (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);
        var asked = await call.ReadOrEmptyAsync(ApiJson.Default.MoveRequest).ConfigureAwait(false);
        if (asked.Queue == name)
        {
            throw ApiException.BadRequest("The messages are in that queue");
        }

        if (asked.Count is < 1 or > MessageMove.MostMessages)
        {
            throw ApiException.BadRequest($"count is a number of messages, 1 to {MessageMove.MostMessages}");
        }

        if (asked.Death is not (MoveRequest.First or MoveRequest.Last))
        {
            throw ApiException.BadRequest($"death is first or last: {asked.Death}");
        }

        var (error, moved) = await move.RunAsync(
            new Caller(call.User.Name, vhost, call.User.Access), name, asked.Queue, asked.Death == MoveRequest.First, asked.Count, call.Aborted).ConfigureAwait(false);
        ApiException.ThrowIf(error);
        await call.ReplyAsync(new MovedJson(moved.Count) { Refusal = moved.Refusal }, ApiJson.Default.MovedJson).ConfigureAwait(false);
    }
}
