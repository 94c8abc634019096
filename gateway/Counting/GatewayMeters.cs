using System.Diagnostics.Metrics;
using Granary.Core.Counting;
using Granary.Core.Routing;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Grpc;
using Granary.Gateway.Tls;

namespace Granary.Gateway.Counting;

/// <summary>
/// Shows what the gateway counts to whoever collects it: nothing is done for it in between. The first meter is of the node as a whole. The second has a
/// series for every connection, channel and exchange, so that it is for who asks for it by name.
/// </summary>
internal sealed class GatewayMeters
{
    public const string Node = "Granary.Gateway";

    public const string Objects = "Granary.Gateway.Objects";

    private readonly AmqpServer _amqp;
    private readonly GrpcServer? _grpc;
    private readonly Router _router;
    private readonly ShownCertificates? _tls;

    /// <param name="grpc">Null where nothing is served over gRPC.</param>
    /// <param name="tls">Null where no TLS is spoken.</param>
    public GatewayMeters(IMeterFactory meters, AmqpServer amqp, Router router, GrpcServer? grpc = null, ShownCertificates? tls = null)
    {
        (_amqp, _router, _grpc, _tls) = (amqp, router, grpc, tls);
        ShowNode(meters.Create(Node));
        ShowObjects(meters.Create(Objects));
    }

    // As in RabbitMQ's message_stats: return_unroutable.
    private static string NameOf(MessageEvent what) =>
        string.Concat(what.ToString().Select((letter, at) => char.IsUpper(letter) && at > 0 ? $"_{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));

    private void ShowNode(Meter meter)
    {
        foreach (var what in MessageCounts.Events)
        {
            meter.CreateObservableCounter($"granary.messages.{NameOf(what)}", () => OfNode(what), "{message}", "Since the process started, by protocol.");
        }

        meter.CreateObservableCounter("granary.replies.dropped", DroppedReplies, "{message}", "Direct replies that nobody took, by reason.");
        meter.CreateObservableCounter("granary.connections.opened", () => _amqp.Counts.Opened, "{connection}", "AMQP connections that got as far as open-ok.");
        meter.CreateObservableUpDownCounter("granary.connections.open", () => _amqp.Counts.Open, "{connection}", "AMQP connections.");
        meter.CreateObservableCounter("granary.connections.ended", Ends, "{connection}", "AMQP connections that ended or never got open, by reason.");
        if (_tls is { All: { Count: > 0 } tls })
        {
            meter.CreateObservableCounter("granary.tls.renewals.refused", () => tls.Sum(shown => shown.Refused), "{renewal}", "How often certificate and key were replaced by what cannot be used.");
            meter.CreateObservableGauge("granary.tls.valid_until", () => tls.Min(shown => shown.Current.ValidUntil.ToUnixTimeSeconds()), "s", "When the first certificate that clients are shown expires, as Unix time.");
        }
    }

    private IEnumerable<Measurement<long>> OfNode(MessageEvent what)
    {
        yield return new Measurement<long>(_amqp.Counts.Sum(what), KeyValuePair.Create<string, object?>("protocol", "amqp"));
        if (_grpc is { } grpc)
        {
            yield return new Measurement<long>(grpc.Counts.Sum(what), KeyValuePair.Create<string, object?>("protocol", "grpc"));
        }
    }

    private IEnumerable<Measurement<long>> DroppedReplies() =>
    [
        new Measurement<long>(_amqp.Replies.Dropped, KeyValuePair.Create<string, object?>("reason", "requester_gone")),
        new Measurement<long>(_amqp.Replies.Undelivered, KeyValuePair.Create<string, object?>("reason", "gateway_gone")),
    ];

    private IEnumerable<Measurement<long>> Ends() => Enum.GetValues<ConnectionEnd>()
        .Select(end => new Measurement<long>(_amqp.Ends[end], KeyValuePair.Create<string, object?>("reason", end.ToString())));

    private void ShowObjects(Meter meter)
    {
        foreach (var what in MessageCounts.Events)
        {
            meter.CreateObservableCounter($"granary.connection.messages.{NameOf(what)}", () => OfConnections(what), "{message}");
            meter.CreateObservableCounter($"granary.channel.messages.{NameOf(what)}", () => OfChannels(what), "{message}");
        }

        meter.CreateObservableCounter("granary.exchange.messages.publish_in", () => OfExchanges(static counts => counts.In), "{message}");
        meter.CreateObservableCounter("granary.exchange.messages.publish_out", () => OfExchanges(static counts => counts.Out), "{message}");
        meter.CreateObservableCounter("granary.exchange.messages.unroutable", () => OfExchanges(static counts => counts.Unroutable), "{message}");
    }

    private IEnumerable<Measurement<long>> OfConnections(MessageEvent what) => _amqp.Connections.Select(connection => new Measurement<long>(
        connection.Links.Counts[what], KeyValuePair.Create<string, object?>("connection", connection.Id.Value)));

    private IEnumerable<Measurement<long>> OfChannels(MessageEvent what) =>
        from connection in _amqp.Connections
        from channel in connection.OfChannels(static channel => (channel.Number, channel.Counts))
        select new Measurement<long>(
            channel.Counts[what],
            KeyValuePair.Create<string, object?>("connection", connection.Id.Value),
            KeyValuePair.Create<string, object?>("channel", (int)channel.Number));

    private IEnumerable<Measurement<long>> OfExchanges(Func<ExchangeCounts, long> which) => _router.Counts().Select(exchange => new Measurement<long>(
        which(exchange.Counts), KeyValuePair.Create<string, object?>("vhost", exchange.Vhost), KeyValuePair.Create<string, object?>("exchange", exchange.Name)));
}
