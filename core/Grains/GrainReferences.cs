namespace Granary.Core.Grains;

/// <summary>
/// The ways to queues and exchanges. Their types are named, not found by their interfaces: a process without the classes knows of them only while some silo has
/// them, and could not even name a queue while there is none.
/// </summary>
public static class GrainReferences
{
    /// <summary>The runtime's name for queues.</summary>
    public const string QueueType = "queue";

    /// <summary>The runtime's name for exchanges.</summary>
    public const string ExchangeType = "exchange";

    /// <summary>The runtime's name for who keeps users, vhosts and permissions.</summary>
    public const string AccessType = "access";

    /// <summary>The only key of <see cref="IAccessGrain"/>.</summary>
    public const string AccessKey = "all";

    /// <summary>The runtime's name for who keeps policies and parameters.</summary>
    public const string PolicyType = "policy";

    /// <summary>The only key of <see cref="IPolicyGrain"/>.</summary>
    public const string PolicyKey = "all";

    /// <summary>The runtime's name for who decides transactions.</summary>
    public const string TransactionType = "transaction";

    /// <summary>The only key of <see cref="ITransactionGrain"/>.</summary>
    public const string TransactionKey = "any";

    private static readonly GrainType Queues = GrainType.Create(QueueType);
    private static readonly GrainType Exchanges = GrainType.Create(ExchangeType);

    public static IAccessGrain Access(this IGrainFactory grains)
    {
        ArgumentNullException.ThrowIfNull(grains);
        return grains.GetGrain<IAccessGrain>(GrainId.Create(AccessType, AccessKey));
    }

    public static IPolicyGrain Policies(this IGrainFactory grains)
    {
        ArgumentNullException.ThrowIfNull(grains);
        return grains.GetGrain<IPolicyGrain>(GrainId.Create(PolicyType, PolicyKey));
    }

    public static ITransactionGrain Transactions(this IGrainFactory grains)
    {
        ArgumentNullException.ThrowIfNull(grains);
        return grains.GetGrain<ITransactionGrain>(GrainId.Create(TransactionType, TransactionKey));
    }

    public static IQueueGrain Queue(this IGrainFactory grains, string vhost, string name) => grains.Queue(GrainKeys.For(vhost, name));

    /// <param name="key">See <see cref="GrainKeys"/>.</param>
    public static IQueueGrain Queue(this IGrainFactory grains, string key)
    {
        ArgumentNullException.ThrowIfNull(grains);
        return grains.GetGrain<IQueueGrain>(GrainId.Create(Queues, key));
    }

    public static IExchangeGrain Exchange(this IGrainFactory grains, string vhost, string name) => grains.Exchange(GrainKeys.For(vhost, name));

    /// <param name="key">See <see cref="GrainKeys"/>.</param>
    public static IExchangeGrain Exchange(this IGrainFactory grains, string key)
    {
        ArgumentNullException.ThrowIfNull(grains);
        return grains.GetGrain<IExchangeGrain>(GrainId.Create(Exchanges, key));
    }
}
