namespace Granary.Core.Figures;

/// <summary>One process, and the machine that it is on.</summary>
/// <param name="Host">The machine's name without its domain.</param>
[GenerateSerializer, Immutable, Alias("granary.NodeFigure")]
public sealed record NodeFigure([property: Id(0)] string Host)
{
    /// <summary>Which process it is for other members, and for people who look for it: address and port of the silo.</summary>
    [Id(1)]
    public string Address { get; init; } = "";

    [Id(2)]
    public bool HasQueues { get; init; }

    [Id(3)]
    public bool HasClients { get; init; }

    /// <summary>Milliseconds.</summary>
    [Id(4)]
    public long Uptime { get; init; }

    [Id(5)]
    public int ProcessId { get; init; }

    [Id(6)]
    public long MemoryUsed { get; init; }

    [Id(7)]
    public long MemoryLimit { get; init; }

    [Id(8)]
    public bool MemoryAlarm { get; init; }

    [Id(9)]
    public long DiskFree { get; init; }

    [Id(10)]
    public long DiskFreeLimit { get; init; }

    [Id(11)]
    public bool DiskAlarm { get; init; }

    [Id(12)]
    public long FilesUsed { get; init; }

    [Id(13)]
    public long FilesLimit { get; init; }

    [Id(14)]
    public long SocketsUsed { get; init; }

    [Id(15)]
    public int Processors { get; init; }

    /// <summary>Work items that wait for a thread.</summary>
    [Id(16)]
    public long RunQueue { get; init; }

    [Id(17)]
    public int Threads { get; init; }

    /// <summary>What it did with messages since it started, by <see cref="Counting.MessageEvent"/>.</summary>
    [Id(18)]
    public long[] Counts { get; init; } = [];

    /// <summary>How fast each <see cref="NodeNumber"/> changes, a second; empty: none does. A member of an earlier version tells <see cref="Counts"/>' alone.</summary>
    [Id(19)]
    public double[] Rates { get; init; } = [];

    [Id(20)]
    public ListenerFigure[] Listeners { get; init; } = [];

    [Id(21)]
    public long ConnectionsOpened { get; init; }

    [Id(22)]
    public long ConnectionsEnded { get; init; }

    [Id(23)]
    public long ChannelsOpened { get; init; }

    [Id(24)]
    public long ChannelsEnded { get; init; }

    [Id(25)]
    public long QueuesDeclared { get; init; }

    [Id(26)]
    public long QueuesEnded { get; init; }

    [Id(27)]
    public long Collections { get; init; }

    [Id(28)]
    public long AllocatedBytes { get; init; }

    /// <summary>Why publishers are held here; null: they are not.</summary>
    [Id(29)]
    public string? Alarm { get; init; }

    /// <summary>What its queues did since it started, those that are gone included, by <see cref="QueueCount"/>.</summary>
    [Id(30)]
    public long[] QueueCounts { get; init; } = [];

    /// <summary>Of <see cref="Counts"/>: over gRPC.</summary>
    [Id(31)]
    public long[] GrpcCounts { get; init; } = [];

    /// <summary>Messages that no binding led anywhere.</summary>
    [Id(32)]
    public long Unroutable { get; init; }

    /// <summary>Messages that wait in its queues.</summary>
    [Id(33)]
    public long Ready { get; init; }

    /// <summary>Messages of its queues that were given out and are not settled.</summary>
    [Id(34)]
    public long Unacked { get; init; }

    /// <summary>The listeners for its clients are suspended: it is under maintenance.</summary>
    [Id(35)]
    public bool IsSuspended { get; init; }

    public double RateOf(NodeNumber number) => (int)number < Rates.Length ? Rates[(int)number] : 0;
}

/// <param name="Protocol">As RabbitMQ calls it: <c>amqp</c>, <c>http</c>, <c>http/prometheus</c>, <c>clustering</c>.</param>
[GenerateSerializer, Immutable, Alias("granary.ListenerFigure")]
public sealed record ListenerFigure([property: Id(0)] string Protocol, [property: Id(1)] string Address, [property: Id(2)] int Port);
