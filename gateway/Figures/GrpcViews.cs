using Granary.Amqp;
using Granary.Core;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Connections;

namespace Granary.Gateway.Figures;

/// <summary>What there is to tell of a gRPC client's connection, its streams and their consumers: as of AMQP, where a stream is a channel.</summary>
internal static class GrpcViews
{
    private const string Protocol = "gRPC";

    public static ConnectionFigure ToFigure(this GrpcConnection connection, SampleTimes times)
    {
        var (received, sent) = connection.Traffic;
        var rates = connection.History.Rates(times);
        return new ConnectionFigure(connection.Id, NameOf(connection))
        {
            User = connection.Caller?.User ?? "",
            Vhost = connection.Caller?.Vhost ?? "",
            Protocol = Protocol,
            PeerHost = ConnectionNames.HostOf(connection.Peer),
            PeerPort = ConnectionNames.PortOf(connection.Peer),
            Host = ConnectionNames.HostOf(connection.Local),
            Port = ConnectionNames.PortOf(connection.Local),
            ChannelMax = GrpcHosting.StreamsPerConnection,
            ClientProperties = EncodedTable.From(connection.UserAgent.Length == 0 ? FieldTable.Empty : FieldTable.Of(("product", connection.UserAgent))),
            ConnectedAt = connection.ConnectedAt.ToUnixTimeMilliseconds(),
            Channels = connection.Streams.Length,
            State = connection.ClosedFor is null ? "running" : "closing",
            Mechanism = connection.Login.Mechanism,
            ReceivedBytes = received.Octets,
            ReceivedPackets = received.Packets,
            SentBytes = sent.Octets,
            SentPackets = sent.Packets,
            ReceivedRate = rates.Length > 0 ? rates[0] : 0,
            SentRate = rates.Length > 0 ? rates[1] : 0,
            Tls = connection.Tls is { } tls ? ClientViews.NameOf(tls.Protocol) : null,
            Cipher = connection.Tls?.NegotiatedCipherSuite?.ToString(),
        }.WithCertificate(connection.Certificate);
    }

    public static IEnumerable<ChannelFigure> ToChannelFigures(this GrpcConnection connection, SampleTimes times) => connection.Streams.Select(stream =>
    {
        var consumer = stream.Value.Consumer;
        return new ChannelFigure(connection.Id, NameOf(connection), stream.Key)
        {
            User = stream.Value.Caller.User,
            Vhost = stream.Value.Caller.Vhost,
            PeerHost = ConnectionNames.HostOf(connection.Peer),
            PeerPort = ConnectionNames.PortOf(connection.Peer),
            Confirms = consumer is null,
            Consumers = consumer is null ? 0 : 1,
            Unacked = consumer?.Unacked ?? 0,
            Prefetch = consumer?.Prefetch ?? 0,
            Counts = ClientViews.CountsOf(stream.Value.Counts),
            Rates = stream.Value.History.Rates(times),
            IdleSince = stream.Value.History.IdleSince,
            IsGrpc = true,
        };
    });

    public static IEnumerable<ConsumerFigure> ToConsumerFigures(this GrpcConnection connection)
    {
        foreach (var (number, stream) in connection.Streams)
        {
            if (stream.Consumer is { } consumer)
            {
                yield return new ConsumerFigure(connection.Id, NameOf(connection), number, stream.Caller.Vhost, consumer.Queue, consumer.Tag)
                {
                    User = stream.Caller.User,
                    PeerHost = ConnectionNames.HostOf(connection.Peer),
                    PeerPort = ConnectionNames.PortOf(connection.Peer),
                    NoAck = consumer.NoAck,
                    IsExclusive = consumer.IsExclusive,
                    Prefetch = consumer.Prefetch,
                    Arguments = consumer.Arguments,
                    IsGrpc = true,
                };
            }
        }
    }

    /// <summary>The connection, and its streams, are looked at with all others.</summary>
    public static void Look(this GrpcConnection connection, SampleTimes times)
    {
        var (received, sent) = connection.Traffic;
        connection.History.Look([received.Octets, sent.Octets], times);
        Span<long> counts = stackalloc long[MessageCounts.Events.Length];
        foreach (var (_, stream) in connection.Streams)
        {
            ClientViews.Read(stream.Counts, counts);
            stream.History.Look(counts, times);
        }
    }

    public static HistoryFigure Tell(this GrpcConnection connection, HistoryRange range, long now, SampleTimes times)
    {
        var (received, sent) = connection.Traffic;
        return connection.History.Read(connection.Id.ToString(), range, [received.Octets, sent.Octets], now, times);
    }

    /// <param name="isMeant">Says of a key whether its stream is asked for.</param>
    public static IEnumerable<HistoryFigure> TellOfStreams(this GrpcConnection connection, Func<string, bool> isMeant, HistoryRange range, long now, SampleTimes times) =>
        connection.Streams.Select(stream => (Key: HistoryQuery.ChannelKey(connection.Id, stream.Key), Stream: stream.Value)).Where(stream => isMeant(stream.Key))
            .Select(stream => stream.Stream.History.Read(stream.Key, range, ClientViews.CountsOf(stream.Stream.Counts), now, times));

    private static string NameOf(GrpcConnection connection) => ConnectionNames.Of(connection.Peer, connection.Local);
}
