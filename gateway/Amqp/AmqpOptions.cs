namespace Granary.Gateway.Amqp;

/// <summary>What the AMQP listener tells and allows its clients; the defaults are RabbitMQ's.</summary>
internal sealed record AmqpOptions
{
    /// <summary>As connection.start tells it: clients choose their behaviour by product and version.</summary>
    public string Product { get; init; } = "RabbitMQ";

    /// <summary>The version of RabbitMQ that is told with <see cref="Product"/>: the one whose behaviour this broker has.</summary>
    public string Version { get; init; } = "4.2.0";

    public string ClusterName { get; init; } = "granary";

    /// <summary>Channels per connection, 1 to 65535.</summary>
    public ushort ChannelMax { get; init; } = 2047;

    /// <summary>Largest frame offered, in octets; clients may ask for less, down to <see cref="FrameMin"/>.</summary>
    public int FrameMax { get; init; } = 131072;

    /// <summary>The least that a client may ask for as its largest frame, in octets; less is refused with 530.</summary>
    public int FrameMin { get; init; } = 4096;

    /// <summary>Largest frame before tune-ok, in octets.</summary>
    public int InitialFrameMax { get; init; } = 8192;

    /// <summary>The interval that is offered, in whole seconds up to 65535; the client's answer counts, and 0 turns heartbeats off. A client that is silent for two intervals is cut off.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a client may take from connecting to connection.open; then its socket is closed.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Largest message body in bytes, at most 512 MiB.</summary>
    public int MaxMessageSize { get; init; } = 16 * 1024 * 1024;

    /// <summary>How long a refused login waits before its socket is closed, so that guessing is slow.</summary>
    public TimeSpan RefusedLoginDelay { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a client may leave what it is sent untouched before its connection is cut; zero for ever.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a delivery may stay unacknowledged before its channel is closed; zero for ever. A queue may say otherwise.</summary>
    public TimeSpan ConsumerTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a closing connection waits for the client's close-ok.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a queue or exchange may take to answer a method until the client is told that it is out of reach; RabbitMQ's operation timeout.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(15);
}
