namespace Granary.Core.Transactions;

/// <summary>One transaction over several queues. Never reused.</summary>
[GenerateSerializer, Immutable, Alias("granary.TransactionId")]
public readonly record struct TransactionId([property: Id(0)] Guid Value)
{
    public static TransactionId New() => new(Guid.NewGuid());
}
