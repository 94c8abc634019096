namespace Granary.Silo.Storage.Postgres;

/// <summary>How many connections to the database a process opens at the most. Each pool is made with its number, so that no load makes more of them.</summary>
internal static class ConnectionBudget
{
    /// <summary>Where the members of the cluster are listed; only a member has it.</summary>
    public const int Membership = 2;

    /// <summary>Flushes have one that nothing else uses.</summary>
    public const int Flushes = 1;

    /// <summary>Looks whether the database is there, which must not wait for what else is asked; only a member with queues has it.</summary>
    public const int Looks = 1;

    /// <summary>Waits for what is published from inside the database, and takes it.</summary>
    public const int Outbox = 1;

    /// <summary>Before the others are there.</summary>
    public const int Checks = 2;

    // Large flushes, ring and ids.
    private const int Writing = 3;

    /// <summary>Of the pool for all but most flushes. Each reader may take a queue over meanwhile, and has to end what holds it.</summary>
    public static int StoreOf(PostgresOptions options) => Writing + (2 * options.ReadConnections);

    /// <summary>It opens no store. The checks at its start are over before it looks for other members.</summary>
    public static int OfGateway => Math.Max(Checks, Membership);

    public static int OfSilo(PostgresOptions options) => StoreOf(options) + Flushes + Outbox + (options.IsMember ? Membership + Looks : 0);
}
