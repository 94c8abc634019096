using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Clients;

/// <summary>A connection as RabbitMQ's management tells it.</summary>
internal sealed record ConnectionJson
{
    /// <summary>Which it is, over all members; RabbitMQ tells a process id instead.</summary>
    [JsonIgnore]
    public Guid Id { get; init; }

    public required string Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? UserProvidedName { get; init; }

    public required string Node { get; init; }

    public required string User { get; init; }

    public required string UserWhoPerformedAction { get; init; }

    public required string Vhost { get; init; }

    public required string Protocol { get; init; }

    public required string Type { get; init; }

    public required string State { get; init; }

    public required string Host { get; init; }

    public required int Port { get; init; }

    public required string PeerHost { get; init; }

    public required int PeerPort { get; init; }

    public required int Channels { get; init; }

    public required int ChannelMax { get; init; }

    public required int FrameMax { get; init; }

    public required int Timeout { get; init; }

    public required string AuthMechanism { get; init; }

    public required bool Ssl { get; init; }

    public required long ConnectedAt { get; init; }

    public required FieldTable ClientProperties { get; init; }

    public required long RecvOct { get; init; }

    public required Rate RecvOctDetails { get; init; }

    /// <summary>How often the socket was read from.</summary>
    public required long RecvCnt { get; init; }

    public required long SendOct { get; init; }

    public required Rate SendOctDetails { get; init; }

    /// <summary>How often the socket was written to.</summary>
    public required long SendCnt { get; init; }

    public required long SendPend { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? SslProtocol { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? SslKeyExchange { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? SslCipher { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? SslHash { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? PeerCertSubject { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? PeerCertIssuer { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? PeerCertValidity { get; init; }

    /// <summary>With what it received and sent.</summary>
    public ConnectionJson WithData(History history) => this with { RecvOctDetails = history.Of(RecvOctDetails, [0]), SendOctDetails = history.Of(SendOctDetails, [1]) };

    public static ConnectionJson Of(in Placed<ConnectionFigure> placed)
    {
        var connection = placed.Figure;
        var properties = connection.ClientProperties.Decode();
        var suite = CipherSuiteJson.Of(connection.Cipher);
        return new ConnectionJson
        {
            Id = connection.Id,
            Name = connection.Name,
            UserProvidedName = properties.TryGetValue("connection_name", out var value) && value.TryGetText(out var text) ? text : null,
            Node = placed.Node,
            User = connection.User,
            UserWhoPerformedAction = connection.User,
            Vhost = connection.Vhost,
            Protocol = connection.Protocol,
            Type = "network",
            State = connection.State,
            Host = connection.Host,
            Port = connection.Port,
            PeerHost = connection.PeerHost,
            PeerPort = connection.PeerPort,
            Channels = connection.Channels,
            ChannelMax = connection.ChannelMax,
            FrameMax = connection.FrameMax,
            Timeout = connection.Heartbeat,
            AuthMechanism = connection.Mechanism,
            Ssl = connection.Tls is not null,
            SslProtocol = connection.Tls,
            SslKeyExchange = suite?.KeyExchange,
            SslCipher = suite?.Cipher,
            SslHash = suite?.Hash,
            PeerCertSubject = connection.CertificateSubject,
            PeerCertIssuer = connection.CertificateIssuer,
            PeerCertValidity = connection.CertificateValidity,
            ConnectedAt = connection.ConnectedAt,
            ClientProperties = properties,
            RecvOct = connection.ReceivedBytes,
            RecvOctDetails = new Rate(connection.ReceivedRate),
            RecvCnt = connection.ReceivedPackets,
            SendOct = connection.SentBytes,
            SendOctDetails = new Rate(connection.SentRate),
            SendCnt = connection.SentPackets,
            SendPend = connection.UnsentBytes,
        };
    }
}

/// <summary>The connection that a channel is of.</summary>
internal sealed record ConnectionDetails(string Name, string PeerHost, int PeerPort);

/// <summary>A channel as RabbitMQ's management tells it.</summary>
internal sealed record ChannelJson
{
    /// <summary>See <see cref="HistoryQuery.ChannelKey"/>.</summary>
    [JsonIgnore]
    public string Key { get; init; } = "";

    public required string Name { get; init; }

    public required int Number { get; init; }

    public required string Node { get; init; }

    public required string User { get; init; }

    public required string UserWhoPerformedAction { get; init; }

    public required string Vhost { get; init; }

    public required string State { get; init; }

    public required bool Confirm { get; init; }

    public required bool Transactional { get; init; }

    public required int ConsumerCount { get; init; }

    public required long MessagesUnacknowledged { get; init; }

    public required long MessagesUnconfirmed { get; init; }

    public required int PrefetchCount { get; init; }

    public required int GlobalPrefetchCount { get; init; }

    public required ConnectionDetails ConnectionDetails { get; init; }

    public int AcksUncommitted { get; init; }

    public int MessagesUncommitted { get; init; }

    public int PendingRaftCommands { get; init; }

    public string? IdleSince { get; init; }

    public MessageStats? MessageStats { get; init; }

    public IReadOnlyList<ConsumerJson>? ConsumerDetails { get; init; }

    /// <summary>With what was done on it.</summary>
    public ChannelJson WithRates(History history) => MessageStats is null ? this : this with { MessageStats = MessageStats.WithEvents(history) };

    public static ChannelJson Of(in Placed<ChannelFigure> placed, IReadOnlyList<ConsumerJson>? consumers = null)
    {
        var channel = placed.Figure;
        return new ChannelJson
        {
            Key = HistoryQuery.ChannelKey(channel.Connection, channel.Number),
            Name = channel.Name,
            Number = channel.Number,
            Node = placed.Node,
            User = channel.User,
            UserWhoPerformedAction = channel.User,
            Vhost = channel.Vhost,
            State = "running",
            Confirm = channel.Confirms,
            Transactional = channel.IsTransactional,
            ConsumerCount = channel.Consumers,
            MessagesUnacknowledged = channel.Unacked,
            MessagesUnconfirmed = channel.Unconfirmed,
            PrefetchCount = channel.Prefetch,
            GlobalPrefetchCount = channel.SharedPrefetch,
            ConnectionDetails = new ConnectionDetails(channel.ConnectionName, channel.PeerHost, channel.PeerPort),
            IdleSince = channel.IdleSince > 0 ? Times.Format(channel.IdleSince) : null,
            MessageStats = MessageStats.Of(channel.Counts, channel.Rates),
            ConsumerDetails = consumers,
        };
    }
}

/// <summary>The channel that a consumer is of.</summary>
internal sealed record ChannelDetails(string Name, int Number, string User, string ConnectionName, string PeerHost, int PeerPort, string Node);

/// <summary>A queue by its name.</summary>
internal sealed record QueueName(string Name, string Vhost);

/// <summary>A consumer as RabbitMQ's management tells it.</summary>
internal sealed record ConsumerJson
{
    public required string ConsumerTag { get; init; }

    public required QueueName Queue { get; init; }

    public required ChannelDetails ChannelDetails { get; init; }

    public required bool AckRequired { get; init; }

    public required bool Exclusive { get; init; }

    public required int PrefetchCount { get; init; }

    public required FieldTable Arguments { get; init; }

    public bool Active { get; init; } = true;

    public string ActivityStatus { get; init; } = "up";

    public static ConsumerJson Of(in Placed<ConsumerFigure> placed)
    {
        var consumer = placed.Figure;
        return new ConsumerJson
        {
            ConsumerTag = consumer.Tag,
            Queue = new QueueName(consumer.Queue, consumer.Vhost),
            ChannelDetails = new ChannelDetails(
                $"{consumer.ConnectionName} ({consumer.Channel})", consumer.Channel, consumer.User, consumer.ConnectionName, consumer.PeerHost, consumer.PeerPort, placed.Node),
            AckRequired = !consumer.NoAck,
            Exclusive = consumer.IsExclusive,
            PrefetchCount = consumer.Prefetch,
            Arguments = consumer.Arguments.Decode(),
        };
    }
}
