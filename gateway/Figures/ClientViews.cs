using System.Security.Authentication;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;

namespace Granary.Gateway.Figures;

/// <summary>What there is to tell of a connection, its channels and their consumers.</summary>
internal static class ClientViews
{
    public static ConnectionFigure ToFigure(this AmqpConnection connection)
    {
        var terms = connection.Terms;
        var (sent, unsent) = connection.Output.Octets;
        var rates = connection.Rates.Current;
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
            ReceivedBytes = connection.ReceivedBytes,
            SentBytes = sent,
            UnsentBytes = unsent,
            ReceivedRate = rates.Length > 0 ? rates[0] : 0,
            SentRate = rates.Length > 0 ? rates[1] : 0,
            Counts = CountsOf(connection.Links.Counts),
            Tls = connection.Tls?.Version switch
            {
                null => null,
                SslProtocols.Tls13 => "tlsv1.3",
                SslProtocols.Tls12 => "tlsv1.2",
                var other => other.ToString()!.ToLowerInvariant(),
            },
            Cipher = connection.Tls?.Cipher.ToString(),
            CertificateSubject = connection.Tls?.Client?.Subject,
        };
    }

    public static ChannelFigure[] ToChannelFigures(this AmqpConnection connection)
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
            Rates = channel.Rates.Current,
            IdleSince = channel.Rates.IdleSince,
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

    public static long[] CountsOf(MessageCounts counts)
    {
        var all = new long[MessageCounts.Events.Length];
        foreach (var what in MessageCounts.Events)
        {
            all[(int)what] = counts[what];
        }

        return all;
    }

    private static string NameOf(AmqpConnection connection) => ConnectionNames.Of(connection.Peer, connection.Local);
}
