using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;

namespace Granary.Gateway.Figures;

/// <summary>What there is to tell of a connection, its channels and their consumers.</summary>
internal static class ClientViews
{
    public static ConnectionFigure ToFigure(this AmqpConnection connection, SampleTimes times)
    {
        var terms = connection.Terms;
        var (received, sent) = (connection.Received, connection.Output.Sent);
        var rates = connection.History.Rates(times);
        return new ConnectionFigure(connection.Id.Value, NameOf(connection))
        {
            User = terms.User,
            Vhost = terms.Vhost,
            Protocol = "AMQP 0-9-1",
            PeerHost = ConnectionNames.HostOf(connection.Peer),
            PeerPort = ConnectionNames.PortOf(connection.Peer),
            Host = ConnectionNames.HostOf(connection.Local),
            Port = ConnectionNames.PortOf(connection.Local),
            Heartbeat = (int)terms.Heartbeat.TotalSeconds,
            FrameMax = terms.FrameMax,
            ChannelMax = terms.ChannelMax,
            ClientProperties = terms.ClientProperties,
            ConnectedAt = connection.ConnectedAt.ToUnixTimeMilliseconds(),
            Channels = connection.OfChannels(static _ => 0).Length,
            State = connection.IsBlocked ? "blocked" : "running",
            Mechanism = terms.Mechanism,
            ReceivedBytes = received.Octets,
            ReceivedPackets = received.Packets,
            SentBytes = sent.Octets,
            SentPackets = sent.Packets,
            UnsentBytes = connection.Output.UnsentBytes,
            ReceivedRate = rates.Length > 0 ? rates[0] : 0,
            SentRate = rates.Length > 0 ? rates[1] : 0,
            Counts = CountsOf(connection.Links.Counts),
            Tls = connection.Tls is { } tls ? NameOf(tls.Version) : null,
            Cipher = connection.Tls?.Cipher.ToString(),
        }.WithCertificate(connection.Tls?.Client);
    }

    /// <summary>With what there is to tell of the client's certificate.</summary>
    public static ConnectionFigure WithCertificate(this ConnectionFigure connection, X509Certificate2? certificate) => certificate is null
        ? connection
        : connection with
        {
            CertificateSubject = certificate.Subject,
            CertificateIssuer = certificate.Issuer,
            CertificateValidity = string.Create(CultureInfo.InvariantCulture, $"{certificate.NotBefore.ToUniversalTime():yyyy-MM-ddTHH:mm:ssZ} - {certificate.NotAfter.ToUniversalTime():yyyy-MM-ddTHH:mm:ssZ}"),
        };

    public static ChannelFigure[] ToChannelFigures(this AmqpConnection connection, SampleTimes times)
    {
        var name = NameOf(connection);
        var host = ConnectionNames.HostOf(connection.Peer);
        return connection.OfChannels(channel => new ChannelFigure(connection.Id.Value, name, channel.Number)
        {
            User = connection.Terms.User,
            Vhost = connection.Terms.Vhost,
            PeerHost = host,
            PeerPort = ConnectionNames.PortOf(connection.Peer),
            Confirms = channel.Outcomes.HasConfirms,
            IsTransactional = channel.Outcomes.Transaction is not null,
            Consumers = channel.Consumers.Count,
            Unacked = channel.Unacked,
            Unconfirmed = channel.Outcomes.Unconfirmed,
            Prefetch = channel.Prefetch,
            SharedPrefetch = channel.Shared?.Limit ?? 0,
            Counts = CountsOf(channel.Counts),
            Rates = channel.History.Rates(times),
            IdleSince = channel.History.IdleSince,
        });
    }

    public static IEnumerable<ConsumerFigure> ToConsumerFigures(this AmqpConnection connection)
    {
        var name = NameOf(connection);
        var host = ConnectionNames.HostOf(connection.Peer);
        return connection.OfChannels(channel => channel.Consumers.Select(ToFigure).ToArray()).SelectMany(static consumers => consumers);

        ConsumerFigure ToFigure(AmqpConsumer consumer) => new(connection.Id.Value, name, consumer.Channel.Number, connection.Terms.Vhost, consumer.Queue, consumer.Tag)
        {
            User = connection.Terms.User,
            PeerHost = host,
            PeerPort = ConnectionNames.PortOf(connection.Peer),
            NoAck = consumer.NoAck,
            IsExclusive = consumer.IsExclusive,
            Prefetch = consumer.Prefetch,
            Arguments = consumer.Arguments,
        };
    }

    /// <summary>The connection, and its channels, are looked at with all others.</summary>
    public static void Look(this AmqpConnection connection, SampleTimes times)
    {
        connection.History.Look([connection.Received.Octets, connection.Output.Sent.Octets], times);
        connection.OfChannels(channel =>
        {
            Span<long> counts = stackalloc long[MessageCounts.Events.Length];
            Read(channel.Counts, counts);
            channel.History.Look(counts, times);
            return 0;
        });
    }

    public static HistoryFigure Tell(this AmqpConnection connection, HistoryRange range, long now, SampleTimes times) =>
        connection.History.Read(connection.Id.Value.ToString(), range, [connection.Received.Octets, connection.Output.Sent.Octets], now, times);

    /// <param name="isMeant">Says of a key whether its channel is asked for.</param>
    public static IEnumerable<HistoryFigure> TellOfChannels(this AmqpConnection connection, Func<string, bool> isMeant, HistoryRange range, long now, SampleTimes times) =>
        connection.OfChannels(channel =>
        {
            var key = HistoryQuery.ChannelKey(connection.Id.Value, channel.Number);
            return isMeant(key) ? channel.History.Read(key, range, CountsOf(channel.Counts), now, times) : null;
        }).OfType<HistoryFigure>();

    public static long[] CountsOf(MessageCounts counts)
    {
        var all = new long[MessageCounts.Events.Length];
        Read(counts, all);
        return all;
    }

    /// <summary>As RabbitMQ has it.</summary>
    public static string NameOf(SslProtocols version) => version switch
    {
        SslProtocols.Tls13 => "tlsv1.3",
        SslProtocols.Tls12 => "tlsv1.2",
        var other => other.ToString().ToLowerInvariant(),
    };

    public static void Read(MessageCounts counts, Span<long> into)
    {
        foreach (var what in MessageCounts.Events)
        {
            into[(int)what] = counts[what];
        }
    }

    private static string NameOf(AmqpConnection connection) => ConnectionNames.Of(connection.Peer, connection.Local);
}
