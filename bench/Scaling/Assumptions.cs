namespace Granary.Bench.Scaling;

/// <summary>
/// What the simulation takes as given. Costs and times were measured on small clusters (docs/scaling.md names the run that each comes from); sizes are whatever one wants to know about.
/// </summary>
internal sealed record Assumptions
{
    /// <summary>Processes that have queues.</summary>
    public int Silos { get; init; } = 700;

    /// <summary>Processes that have clients.</summary>
    public int Gateways { get; init; } = 300;

    public int Queues { get; init; } = 1_000_000;

    /// <summary>PostgreSQL servers that messages are spread over. Each silo belongs to one of them, and so does each queue, by its name.</summary>
    public int Databases { get; init; } = 20;

    /// <summary>Persistent messages of 1 KiB, confirmed and acknowledged, over all queues.</summary>
    public double MessagesPerSecond { get; init; } = 20_000_000;

    /// <summary>The exponent of Zipf's law: the n-th busiest queue has n to the power of minus this of the busiest one's rate. 0 makes all alike.</summary>
    public double Skew { get; init; } = 0.8;

    /// <summary>Begins the random numbers: the same seed gives the same table.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Of a gateway's and of a silo's machine.</summary>
    public int MemberCores { get; init; } = 8;

    public int DatabaseCores { get; init; } = 16;

    /// <summary>The share of a machine's processor time that is planned for: what is above is for losses of others, and for bursts.</summary>
    public double PlannedShare { get; init; } = 0.6;

    /// <summary>Processor time of a message in microseconds, in a cluster of one gateway and one silo.</summary>
    public (double Gateway, double Silo, double Database) MessageCost { get; init; } = (2.2, 1.6, 1.7);

    /// <summary>Messages a second that one queue carries: it is one object on one silo, whose turns run one after the other.</summary>
    public double QueueLimit { get; init; } = 290_000;

    /// <summary>Processor time in milliseconds that a queue costs its new silo and its database when it is taken over.</summary>
    public (double Silo, double Database) TakeOverCost { get; init; } = (1.4, 1.0);

    /// <summary>Queues that a silo takes over at once, as many as its connections for reading allow.</summary>
    public int TakeOversAtOnce { get; init; } = 4;

    /// <summary>A take-over that nothing else disturbs, in milliseconds: several round trips to the database and a synced write.</summary>
    public double TakeOverTime { get; init; } = 6;

    /// <summary>Seconds after a silo was killed, or began to hang, until another member declares it dead: uniformly between the two.</summary>
    public (double From, double To) KillNoticed { get; init; } = (0.3, 0.9);

    /// <inheritdoc cref="KillNoticed"/>
    public (double From, double To) HangNoticed { get; init; } = (1.2, 2.5);

    /// <summary>Milliseconds of processor time that it takes to tell one other member of a change in the list of members.</summary>
    public double TellCost { get; init; } = 0.05;

    /// <summary>Processor time in microseconds of a call that comes alone, for each of the two processes: threads are woken for it.</summary>
    public double CallCost { get; init; } = 300;

    /// <summary>Members that each member probes each second (Orleans' default).</summary>
    public int Probed { get; init; } = 10;

    /// <summary>Calls a second by which a gateway asks each silo for its lease.</summary>
    public double LeaseCalls { get; init; } = 2;

    /// <summary>Seconds between two looks of a member at the list of members.</summary>
    public double ListPeriod { get; init; } = 5;

    /// <summary>Processor time in microseconds of one row of the list, for the database and for the member that reads it.</summary>
    public (double Database, double Member) ListRowCost { get; init; } = (1.0, 5.0);

    /// <summary>Processor time in microseconds of the database for a member that says that it is alive, once a second.</summary>
    public double AliveCost { get; init; } = 600;

    /// <summary>Kilobytes that an open connection between two members takes at each of them.</summary>
    public double ConnectionMemory { get; init; } = 100;

    /// <summary>Kilobytes of a silo for a queue that is active and empty.</summary>
    public double QueueMemory { get; init; } = 10;

    /// <summary>Connections to its database that a silo has at the most, and a gateway to the one that has the list of members.</summary>
    public (int Silo, int Gateway) Connections { get; init; } = (16, 2);

    /// <summary>Queues a second that a silo gives away when it leaves or another joins.</summary>
    public double MovesPerSecond { get; init; } = 500;

    /// <summary>Seconds of a restart in which the process ends and starts, and those that the others wait before they give it queues.</summary>
    public (double Restart, double Calm) Joining { get; init; } = (3, 5);

    /// <exception cref="ArgumentException">There is no cluster of such a size, with the reason.</exception>
    public void Check()
    {
        Refuse(Databases < 1, "There is no cluster without a database.");
        Refuse(Silos < 2 * Databases, "Each database needs two silos: one takes over what the other had.");
        Refuse(Gateways < 1 || Queues < 1, "There is no load without a gateway and a queue.");
        Refuse(Silos > 100_000 || Gateways > 100_000 || Queues > 100_000_000, "Beyond 100,000 silos or gateways, or 100,000,000 queues, the simulation takes too long.");
        Refuse(!(MessagesPerSecond >= 0) || !double.IsFinite(MessagesPerSecond) || !(Skew >= 0) || !double.IsFinite(Skew), "Rate and skew are numbers from 0.");

        static void Refuse(bool isWrong, string reason)
        {
            if (isWrong)
            {
                throw new ArgumentException(reason);
            }
        }
    }
}
