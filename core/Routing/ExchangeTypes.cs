namespace Granary.Core.Routing;

/// <summary>The exchange types by the names that exchange.declare gives them.</summary>
public static class ExchangeTypes
{
    public const string Direct = "direct";
    public const string Fanout = "fanout";
    public const string Topic = "topic";
    public const string Headers = "headers";

    public static bool IsKnown(string type) => type is Direct or Fanout or Topic or Headers;

    internal static IBindingMatcher CreateMatcher(string type) => type switch
    {
        Direct => new DirectMatcher(),
        Fanout => new FanoutMatcher(),
        Topic => new TopicMatcher(),
        Headers => new HeadersMatcher(),
        _ => throw new ArgumentException($"There is no exchange type '{type}'.", nameof(type)),
    };
}
