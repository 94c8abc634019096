namespace Granary.Differ.Tests.Brokers;

/// <summary>One pair of brokers for all that is compared.</summary>
[CollectionDefinition(Name)]
public sealed class BothBrokersCollection : ICollectionFixture<BothBrokers>
{
    public const string Name = "both brokers";
}
