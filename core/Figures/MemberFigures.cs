namespace Granary.Core.Figures;

/// <summary>What one process tells of what it holds, of those things that it was asked for.</summary>
[GenerateSerializer, Immutable, Alias("granary.MemberFigures")]
public sealed record MemberFigures
{
    public static readonly MemberFigures None = new();

    [Id(0)]
    public NodeFigure? Node { get; init; }

    [Id(1)]
    public QueueFigure[] Queues { get; init; } = [];

    /// <summary>Keys of queues that were deleted here a moment ago: what was read of the store earlier may still have them.</summary>
    [Id(2)]
    public string[] EndedQueues { get; init; } = [];

    [Id(3)]
    public ExchangeFigure[] Exchanges { get; init; } = [];

    /// <summary>Keys of exchanges that were deleted here a moment ago.</summary>
    [Id(4)]
    public string[] EndedExchanges { get; init; } = [];

    /// <summary>Null: the process has no store.</summary>
    [Id(5)]
    public StoredFigures? Stored { get; init; }

    [Id(6)]
    public PublishFigure[] Publishes { get; init; } = [];

    [Id(7)]
    public ConnectionFigure[] Connections { get; init; } = [];

    [Id(8)]
    public ChannelFigure[] Channels { get; init; } = [];

    [Id(9)]
    public ConsumerFigure[] Consumers { get; init; } = [];
}

/// <summary>What the store has of queues and exchanges: definitions, and how many messages wait in queues that may be active nowhere.</summary>
[GenerateSerializer, Immutable, Alias("granary.StoredFigures")]
public sealed record StoredFigures
{
    [Id(0)]
    public QueueFigure[] Queues { get; init; } = [];

    [Id(1)]
    public ExchangeFigure[] Exchanges { get; init; } = [];

    /// <summary>By key; null: nobody asked.</summary>
    [Id(2)]
    public Dictionary<string, long>? Messages { get; init; }
}
