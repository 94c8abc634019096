using Granary.Core.Topology;

namespace Granary.Core.Figures;

/// <summary>One queue as the process that has it sees it, or as the store has it where nobody does.</summary>
/// <param name="Key">See <see cref="Grains.GrainKeys"/>.</param>
[GenerateSerializer, Immutable, Alias("granary.QueueFigure")]
public sealed record QueueFigure([property: Id(0)] string Key, [property: Id(1)] QueueDeclaration Declaration)
{
    /// <summary>False: the store has it and nobody uses it.</summary>
    [Id(2)]
    public bool IsActive { get; init; }

    [Id(3)]
    public long Ready { get; init; }

    [Id(4)]
    public long Unacked { get; init; }

    [Id(5)]
    public int Consumers { get; init; }

    /// <summary>Octets of the records of ready messages.</summary>
    [Id(6)]
    public long ReadyBytes { get; init; }

    /// <summary>Those of <see cref="ReadyBytes"/> that are in memory.</summary>
    [Id(7)]
    public long MemoryBytes { get; init; }

    /// <summary>By <see cref="QueueCount"/>; empty: nothing was ever done with it.</summary>
    [Id(8)]
    public long[] Counts { get; init; } = [];

    /// <summary>As <see cref="Counts"/>, a second, and then those of <see cref="Ready"/> and <see cref="Unacked"/>; empty: all are 0.</summary>
    [Id(9)]
    public double[] Rates { get; init; } = [];

    /// <summary>Since when nothing was done with it, in Unix milliseconds; 0: something was, just now.</summary>
    [Id(10)]
    public long IdleSince { get; init; }

    /// <summary>Messages that came back and are to be delivered again later than now (x-delayed-retry-type).</summary>
    [Id(11)]
    public long Waiting { get; init; }

    /// <summary>When the first of <see cref="Waiting"/> can be delivered, in Unix milliseconds; 0: there are none.</summary>
    [Id(12)]
    public long NextWaiting { get; init; }

    /// <summary>When all of <see cref="Waiting"/> can be.</summary>
    [Id(13)]
    public long LastWaiting { get; init; }

    /// <summary>How long ago the oldest ready message came to the queue, in milliseconds, to one sixteenth; after a restart, how long ago it was recovered. Null: there is none, or nobody knows.</summary>
    [Id(14)]
    public long? OldestReadyAge { get; init; }

    /// <summary>As <see cref="OldestReadyAge"/>, of those that were given out and are not settled; looked at once a second.</summary>
    [Id(15)]
    public long? OldestUnackedAge { get; init; }

    /// <summary>All that are in the queue.</summary>
    public long Messages => Ready + Unacked + Waiting;

    // A member of another version may know fewer counts.
    public long this[QueueCount count] => (int)count < Counts.Length ? Counts[(int)count] : 0;

    public double RateOf(QueueCount count) => (int)count < Rates.Length - 2 ? Rates[(int)count] : 0;

    public double ReadyRate => Rates.Length > 0 ? Rates[^2] : 0;

    public double UnackedRate => Rates.Length > 0 ? Rates[^1] : 0;
}

/// <summary>One exchange with its bindings, if they were asked for.</summary>
/// <param name="Key">See <see cref="Grains.GrainKeys"/>.</param>
[GenerateSerializer, Immutable, Alias("granary.ExchangeFigure")]
public sealed record ExchangeFigure([property: Id(0)] string Key, [property: Id(1)] ExchangeDeclaration Declaration, [property: Id(2)] Binding[] Bindings);

/// <summary>What was published to one exchange from one process.</summary>
/// <param name="In">Messages published to it, since the process began to route for it.</param>
/// <param name="Out">Copies of them that went to queues.</param>
[GenerateSerializer, Immutable, Alias("granary.PublishFigure")]
public sealed record PublishFigure(
    [property: Id(0)] string Vhost, [property: Id(1)] string Exchange, [property: Id(2)] long In, [property: Id(3)] long Out, [property: Id(4)] long Unroutable,
    [property: Id(5)] double InRate, [property: Id(6)] double OutRate);
