using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Queues;

namespace Granary.Gateway.Management.Exchanges;

/// <summary><c>/api/exchanges/…/delayed</c>: what an exchange of the type x-delayed-message delays. RabbitMQ has no such request.</summary>
internal sealed class DelayedResources(ApiOperations operations) : IResource
{
    private const int Usual = 100;

    public void Map(ApiRoutes routes)
    {
        routes.Get("/exchanges/{vhost}/{name}/delayed", Need.Management, ListAsync);
        routes.Delete("/exchanges/{vhost}/{name}/delayed/{id}", Need.Management, CancelAsync);
    }

    private async Task ListAsync(ApiCall call)
    {
        var count = call.Query["count"].ToString() is { Length: > 0 } text ? CountIn(text) : Usual;
        var answer = await operations.Delayed(call, call.Vhosts.Require(call.Segments[1])).ListAsync(call.Segments[2], call.Query["after"].ToString(), count).ConfigureAwait(false);
        ApiException.ThrowIf(answer.Error);
        await call.ReplyAsync([.. answer.Messages.Select(DelayedJson.Of)], ApiJson.Default.ListDelayedJson).ConfigureAwait(false);
    }

    private async Task CancelAsync(ApiCall call)
    {
        ApiException.ThrowIf(await operations.Delayed(call, call.Vhosts.Require(call.Segments[1])).CancelAsync(call.Segments[2], call.Segments[4]).ConfigureAwait(false));
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private static int CountIn(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0
        ? count
        : throw ApiException.BadRequest($"count is no number above 0: {text}");
}

/// <summary>A message that is delayed.</summary>
internal sealed record DelayedJson
{
    public required string Id { get; init; }

    /// <summary>When it goes on, Unix milliseconds.</summary>
    public required long Due { get; init; }

    /// <summary>What it was published to: another exchange, if that is bound to the one that delays.</summary>
    public required string Exchange { get; init; }

    public required string RoutingKey { get; init; }

    public required BasicProperties Properties { get; init; }

    public required int PayloadBytes { get; init; }

    public required string Payload { get; init; }

    public required string PayloadEncoding { get; init; }

    public static DelayedJson Of(DelayedMessage message)
    {
        var record = new MessageRecord(message.Record);
        var (payload, encoding) = MessageJson.Encode(record.Body, isBase64: false, truncate: null);
        return new DelayedJson
        {
            Id = message.Id,
            Due = message.Due,
            Exchange = Encoding.UTF8.GetString(record.Exchange),
            RoutingKey = Encoding.UTF8.GetString(record.RoutingKey),
            Properties = BasicProperties.Decode(record.Properties),
            PayloadBytes = record.Body.Length,
            Payload = payload,
            PayloadEncoding = encoding,
        };
    }
}
