using Granary.Core.Routing;

namespace Granary.Core.Topology;

/// <summary>The exchanges that every vhost has from the start (rabbit_vhost): durable, not to be deleted.</summary>
public static class PredeclaredExchanges
{
    /// <summary>Of each of them, in every run.</summary>
    public static readonly Guid Incarnation = new(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    public static readonly IReadOnlyDictionary<string, ExchangeDeclaration> All = new Dictionary<string, ExchangeDeclaration>(StringComparer.Ordinal)
    {
        ["amq.direct"] = Durable(ExchangeTypes.Direct),
        ["amq.fanout"] = Durable(ExchangeTypes.Fanout),
        ["amq.topic"] = Durable(ExchangeTypes.Topic),
        ["amq.headers"] = Durable(ExchangeTypes.Headers),
        ["amq.match"] = Durable(ExchangeTypes.Headers),
        ["amq.rabbitmq.trace"] = Durable(ExchangeTypes.Topic) with { Internal = true },
    };

    private static ExchangeDeclaration Durable(string type) => new(type, Durable: true, AutoDelete: false, Internal: false, default);
}
