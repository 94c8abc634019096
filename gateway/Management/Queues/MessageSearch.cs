using System.Diagnostics;
using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Queues;

/// <summary>
/// <c>GET /api/queues/…/messages</c>, which RabbitMQ does not have: ready messages from a place on, or those of them that contain something. They stay where and as they
/// are. What is not found in time, or among so many bytes, is for the next request, which goes on where this one ended.
/// </summary>
internal sealed class MessageSearch(ApiOperations operations) : IResource
{
    private const int UsualCount = 100;
    private const int MostMessages = 1_000;
    private const int UsualBytes = 16 * 1024 * 1024;
    private const int MostBytes = 1024 * 1024 * 1024;
    private const int UsualTime = 2_000;
    private const int MostTime = 30_000;

    /// <summary>What a queue is asked for at once.</summary>
    private const int PageBytes = 256 * 1024;

    /// <summary>Octets of bodies in one answer; there is one message in any case.</summary>
    private const long MostBodies = 32 * 1024 * 1024;

    public void Map(ApiRoutes routes) => routes.Get("/queues/{vhost}/{name}/messages", Need.Management, LookAsync);

    private async Task LookAsync(ApiCall call)
    {
        var (count, bytes, time) = (Number(call, "count", UsualCount, MostMessages), Number(call, "bytes", UsualBytes, MostBytes), Number(call, "time", UsualTime, MostTime));
        int? truncate = call.Query.ContainsKey("truncate") ? Number(call, "truncate", 0, int.MaxValue) : null;
        var search = Encoding.UTF8.GetBytes(call.Query["search"].ToString());
        var isBase64 = call.Query["encoding"] == "base64";
        var queue = operations.Browsing(call, call.Vhosts.Require(call.Segments[1]));
        var began = Stopwatch.GetTimestamp();
        List<BrowsedJson> found = [];
        var (examined, looked, bodies) = (0, 0L, 0L);
        string? next = call.Query["after"].ToString();
        do
        {
            var answer = await queue.BrowseAsync(call.Segments[2], next, MostMessages, PageBytes).ConfigureAwait(false);
            ApiException.ThrowIf(answer.Error);
            next = answer.Next;
            foreach (var message in answer.Messages)
            {
                examined++;
                looked += message.Record.Length;
                if (!Contains(new MessageRecord(message.Record), search))
                {
                    continue;
                }

                found.Add(BrowsedJson.Of(message, isBase64, truncate));
                bodies += found[^1].PayloadBytes;
                if (found.Count == count || bodies >= MostBodies)
                {
                    next = answer.Next is null && message == answer.Messages[^1] ? null : message.Place;
                    break;
                }
            }
        }
        while (next is not null && found.Count < count && looked < bytes && bodies < MostBodies && Stopwatch.GetElapsedTime(began).TotalMilliseconds < time);

        await call.ReplyAsync(new FoundJson(found, examined, looked) { Next = next }, ApiJson.Default.FoundJson).ConfigureAwait(false);
    }

    // Properties are searched as they are on the wire: texts in headers, and their names, stand there as they are.
    private static bool Contains(MessageRecord record, ReadOnlySpan<byte> search) =>
        search.IsEmpty || record.Body.IndexOf(search) >= 0 || record.RoutingKey.IndexOf(search) >= 0 || record.Properties.IndexOf(search) >= 0;

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
