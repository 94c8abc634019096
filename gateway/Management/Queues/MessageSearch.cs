using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Queues;

/// <summary>
/// <c>GET /api/queues/…/messages</c>, which RabbitMQ does not have: ready messages from a place on, or those of them that contain something. They stay where and as they
/// are. What is not found in time, or among so many bytes, is for the next request, which goes on where this one ended.
/// </summary>
internal sealed class MessageSearch(ApiOperations operations) : IResource
{
    /// <summary>Octets of bodies in one answer; there is one message in any case.</summary>
    private const long MostBodies = 32 * 1024 * 1024;

    public void Map(ApiRoutes routes) => routes.Get("/queues/{vhost}/{name}/messages", Need.Management, LookAsync);

    private async Task LookAsync(ApiCall call)
    {
        var query = new MessageQuery(call.Segments[2], call.Query["after"].ToString(), Encoding.UTF8.GetBytes(call.Query["search"].ToString()))
        {
            Count = Number(call, "count", MessageQuery.UsualCount, MessageQuery.MostMessages),
            Bytes = Number(call, "bytes", MessageQuery.UsualBytes, MessageQuery.MostBytes),
            Time = Number(call, "time", MessageQuery.UsualTime, MessageQuery.MostTime),
            Bodies = MostBodies,
        };
        int? truncate = call.Query.ContainsKey("truncate") ? Number(call, "truncate", 0, int.MaxValue) : null;
        var isBase64 = call.Query["encoding"] == "base64";
        var (error, found) = await operations.Browsing(call, call.Vhosts.Require(call.Segments[1])).FindAsync(query).ConfigureAwait(false);
        ApiException.ThrowIf(error);
        List<BrowsedJson> messages = [.. found!.Messages.Select(message => BrowsedJson.Of(message, isBase64, truncate))];
        await call.ReplyAsync(new FoundJson(messages, found.Examined, found.ExaminedBytes) { Next = found.Next }, ApiJson.Default.FoundJson).ConfigureAwait(false);
    }

    private static int Number(ApiCall call, string name, int usual, int most) =>
        call.Query[name].ToString() is not { Length: > 0 } text ? usual
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && number <= most ? number
        : throw ApiException.BadRequest($"{name} is a number, 1 to {most}: {text}");
}

/// <summary>Messages that were found.</summary>
/// <param name="Examined">How many were looked at.</param>
/// <param name="ExaminedBytes">With how many octets of properties and body, and some 30 more each.</param>
internal sealed record FoundJson(List<BrowsedJson> Messages, int Examined, long ExaminedBytes)
{
    /// <summary>Where the next request goes on (<c>after</c>); null: there is nothing behind these.</summary>
    public string? Next { get; init; }
}

/// <summary>A message that is ready.</summary>
internal sealed record BrowsedJson
{
    /// <summary>Where it stands.</summary>
    public required string Place { get; init; }

    public required bool Redelivered { get; init; }

    public required string Exchange { get; init; }

    public required string RoutingKey { get; init; }

    public required BasicProperties Properties { get; init; }

    public required int PayloadBytes { get; init; }

    public required string Payload { get; init; }

    public required string PayloadEncoding { get; init; }

    /// <param name="truncate">See <see cref="MessageJson.Encode"/>.</param>
    public static BrowsedJson Of(BrowsedMessage message, bool isBase64, int? truncate)
    {
        var record = new MessageRecord(message.Record);
        var (payload, encoding) = MessageJson.Encode(record.Body, isBase64, truncate);
        return new BrowsedJson
        {
            Place = message.Place,
            Redelivered = message.Redelivered,
            Exchange = Encoding.UTF8.GetString(record.Exchange),
            RoutingKey = Encoding.UTF8.GetString(record.RoutingKey),
            Properties = BasicProperties.Decode(record.Properties),
            PayloadBytes = record.Body.Length,
            Payload = payload,
            PayloadEncoding = encoding,
        };
    }
}
