namespace Granary.Core.Figures;

/// <summary>One client connection.</summary>
/// <param name="Id">Which it is, over all members.</param>
/// <param name="Name">As people know it: <c>10.0.0.7:51320 -> 10.0.0.1:5672</c>.</param>
[GenerateSerializer, Immutable, Alias("granary.ConnectionFigure")]
public sealed record ConnectionFigure([property: Id(0)] Guid Id, [property: Id(1)] string Name)
{
    [Id(2)]
    public string User { get; init; } = "";

    [Id(3)]
    public string Vhost { get; init; } = "";

    [Id(4)]
    public string Protocol { get; init; } = "";

    [Id(5)]
    public string PeerHost { get; init; } = "";

    [Id(6)]
    public int PeerPort { get; init; }

    [Id(7)]
    public string Host { get; init; } = "";

    [Id(8)]
    public int Port { get; init; }

    /// <summary>Whole seconds between heartbeats; 0: none.</summary>
    [Id(9)]
    public int Heartbeat { get; init; }

    [Id(10)]
    public int FrameMax { get; init; }

    [Id(11)]
    public int ChannelMax { get; init; }

    [Id(12)]
    public EncodedTable ClientProperties { get; init; }

    /// <summary>Unix milliseconds.</summary>
    [Id(13)]
    public long ConnectedAt { get; init; }

    [Id(14)]
    public int Channels { get; init; }

    /// <summary><c>running</c>, <c>blocked</c> or <c>blocking</c>.</summary>
    [Id(15)]
    public string State { get; init; } = "running";

    [Id(16)]
    public string Mechanism { get; init; } = "";

    [Id(17)]
    public long ReceivedBytes { get; init; }

    [Id(18)]
    public long SentBytes { get; init; }

    [Id(19)]
    public long UnsentBytes { get; init; }

    [Id(20)]
    public double ReceivedRate { get; init; }

    [Id(21)]
    public double SentRate { get; init; }

    /// <summary>By <see cref="Counting.MessageEvent"/>.</summary>
    [Id(22)]
    public long[] Counts { get; init; } = [];

    /// <summary>As RabbitMQ names it, such as <c>tlsv1.3</c>; null: nothing is encrypted.</summary>
    [Id(23)]
    public string? Tls { get; init; }

    [Id(24)]
    public string? Cipher { get; init; }

    /// <summary>Whom the client's certificate is of, if it has shown one.</summary>
    [Id(25)]
    public string? CertificateSubject { get; init; }

    /// <summary>How often the socket was read from: RabbitMQ counts these as packets.</summary>
    [Id(26)]
    public long ReceivedPackets { get; init; }

    /// <summary>How often the socket was written to.</summary>
    [Id(27)]
    public long SentPackets { get; init; }

    /// <summary>Who has signed the client's certificate.</summary>
    [Id(28)]
    public string? CertificateIssuer { get; init; }

    /// <summary>From when until when the client's certificate is valid, as RabbitMQ writes it: <c>2026-11-01T00:00:00Z - 2027-11-01T00:00:00Z</c>.</summary>
    [Id(29)]
    public string? CertificateValidity { get; init; }
}

/// <summary>One channel of a connection.</summary>
/// <param name="Connection">The connection's id.</param>
/// <param name="ConnectionName">See <see cref="ConnectionFigure.Name"/>.</param>
[GenerateSerializer, Immutable, Alias("granary.ChannelFigure")]
public sealed record ChannelFigure([property: Id(0)] Guid Connection, [property: Id(1)] string ConnectionName, [property: Id(2)] int Number)
{
    [Id(3)]
    public string User { get; init; } = "";

    [Id(4)]
    public string Vhost { get; init; } = "";

    [Id(5)]
    public string PeerHost { get; init; } = "";

    [Id(6)]
    public int PeerPort { get; init; }

    [Id(7)]
    public bool Confirms { get; init; }

    [Id(8)]
    public bool IsTransactional { get; init; }

    [Id(9)]
    public int Consumers { get; init; }

    [Id(10)]
    public long Unacked { get; init; }

    [Id(11)]
    public long Unconfirmed { get; init; }

    /// <summary>Of each consumer; 0: no limit.</summary>
    [Id(12)]
    public int Prefetch { get; init; }

    /// <summary>Of the whole channel; 0: no limit.</summary>
    [Id(13)]
    public int SharedPrefetch { get; init; }

    /// <summary>By <see cref="Counting.MessageEvent"/>.</summary>
    [Id(14)]
    public long[] Counts { get; init; } = [];

    /// <summary>As <see cref="Counts"/>, a second; empty: all are 0.</summary>
    [Id(15)]
    public double[] Rates { get; init; } = [];

    /// <summary>Since when nothing was done on it, in Unix milliseconds; 0: something was, just now.</summary>
    [Id(16)]
    public long IdleSince { get; init; }

    /// <summary>A stream of gRPC: a call that lasts.</summary>
    [Id(17)]
    public bool IsGrpc { get; init; }

    public string Name => $"{ConnectionName} ({Number})";
}

/// <summary>One consumer of a queue.</summary>
/// <param name="Channel">Its channel's number, or of a stream of gRPC the stream's.</param>
[GenerateSerializer, Immutable, Alias("granary.ConsumerFigure")]
public sealed record ConsumerFigure(
    [property: Id(0)] Guid Connection, [property: Id(1)] string ConnectionName, [property: Id(2)] int Channel, [property: Id(3)] string Vhost,
    [property: Id(4)] string Queue, [property: Id(5)] string Tag)
{
    [Id(6)]
    public string User { get; init; } = "";

    [Id(7)]
    public string PeerHost { get; init; } = "";

    [Id(8)]
    public int PeerPort { get; init; }

    [Id(9)]
    public bool NoAck { get; init; }

    [Id(10)]
    public bool IsExclusive { get; init; }

    [Id(11)]
    public int Prefetch { get; init; }

    [Id(12)]
    public EncodedTable Arguments { get; init; }

    /// <summary>Of a stream of gRPC.</summary>
    [Id(13)]
    public bool IsGrpc { get; init; }
}
