using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>The exchange types by the names that exchange.declare gives them.</summary>
public static class ExchangeTypes
{
    public const string Direct = "direct";
    public const string Fanout = "fanout";
    public const string Topic = "topic";
    public const string Headers = "headers";

    public const string ConsistentHash = "x-consistent-hash";
    public const string ModulusHash = "x-modulus-hash";
    public const string Random = "x-random";
    public const string LocalRandom = "x-local-random";
    public const string DelayedMessage = "x-delayed-message";
    public const string RecentHistory = "x-recent-history";
    public const string Deduplication = "x-message-deduplication";

    public static bool IsKnown(string type) =>
        type is Direct or Fanout or Topic or Headers or ConsistentHash or ModulusHash or Random or LocalRandom or DelayedMessage or RecentHistory or Deduplication;

    /// <summary>The type by whose rules an exchange routes: its own, or the one that it names.</summary>
    public static string RoutesAs(string type, EncodedTable arguments) =>
        type == DelayedMessage ? DelayedExchangeRules.TypeOf(arguments.Decode()) ?? Direct : type;

    /// <param name="arguments">Of the exchange.</param>
    /// <param name="isLocal">Whether a queue is in this process; asked at each match by <see cref="LocalRandom"/>.</param>
    /// <param name="ownQueue">The queue that an exchange has for itself, if it has one.</param>
    internal static IBindingMatcher CreateMatcher(string type, EncodedTable arguments, Func<string, bool> isLocal, string? ownQueue) => type switch
    {
        Direct => new DirectMatcher(),
        Fanout or Deduplication => new FanoutMatcher(),
        Topic => new TopicMatcher(),
        Headers => new HeadersMatcher(),
        ConsistentHash => new ConsistentHashMatcher(arguments.Decode()),
        ModulusHash => new ModulusHashMatcher(),
        Random => new RandomMatcher(),
        LocalRandom => new RandomMatcher(isLocal),
        RecentHistory => new HistoryMatcher(ownQueue ?? ""),
        DelayedMessage => new DelayMatcher(CreateMatcher(RoutesAs(type, arguments), arguments, isLocal, ownQueue: null), ownQueue ?? ""),
        _ => throw new ArgumentException($"There is no exchange type '{type}'.", nameof(type)),
    };
}
