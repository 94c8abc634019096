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

    public static bool IsKnown(string type) => type is Direct or Fanout or Topic or Headers or ConsistentHash or ModulusHash or Random or LocalRandom;

    /// <param name="arguments">Of the exchange.</param>
    /// <param name="isLocal">Whether a queue is in this process; asked at each match by <see cref="LocalRandom"/>.</param>
    internal static IBindingMatcher CreateMatcher(string type, EncodedTable arguments, Func<string, bool> isLocal) => type switch
    {
        Direct => new DirectMatcher(),
        Fanout => new FanoutMatcher(),
        Topic => new TopicMatcher(),
        Headers => new HeadersMatcher(),
        ConsistentHash => new ConsistentHashMatcher(arguments.Decode()),
        ModulusHash => new ModulusHashMatcher(),
        Random => new RandomMatcher(),
        LocalRandom => new RandomMatcher(isLocal),
        _ => throw new ArgumentException($"There is no exchange type '{type}'.", nameof(type)),
    };
}
