using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Exchanges;

/// <summary>An exchange as RabbitMQ's management tells it.</summary>
internal sealed record ExchangeJson
{
    public required string Name { get; init; }

    public required string Vhost { get; init; }

    public required string Type { get; init; }

    public required bool Durable { get; init; }

    public required bool AutoDelete { get; init; }

    public required bool Internal { get; init; }

    public required FieldTable Arguments { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Policy { get; init; }

    public string UserWhoPerformedAction { get; init; } = "rmq-internal";

    public MessageStats? MessageStats { get; init; }

    public object[]? Incoming { get; init; }

    public object[]? Outgoing { get; init; }

    /// <summary>With what was published to it.</summary>
    public ExchangeJson WithRates(History history) => MessageStats is null ? this : this with { MessageStats = MessageStats.WithExchange(history) };
}

/// <summary>All exchanges of a picture, and those that every vhost has.</summary>
internal static class ExchangeList
{
    private static readonly ExchangeDeclaration Default = new("direct", Durable: true, AutoDelete: false, Internal: false, EncodedTable.Empty);

    /// <param name="vhosts">Whose exchanges are wanted.</param>
    public static IEnumerable<ExchangeJson> Of(Picture picture, IEnumerable<string> vhosts, PolicyTable policies)
    {
        var byKey = picture.Exchanges.ToDictionary(exchange => exchange.Key, exchange => exchange.Declaration, StringComparer.Ordinal);
        foreach (var vhost in vhosts)
        {
            byKey.TryAdd(GrainKeys.For(vhost, ""), Default);
            foreach (var (name, declaration) in PredeclaredExchanges.All)
            {
                byKey.TryAdd(GrainKeys.For(vhost, name), declaration);
            }
        }

        var prefixes = vhosts.Select(vhost => GrainKeys.For(vhost, "")).ToArray();
        return byKey.Where(exchange => prefixes.Any(prefix => exchange.Key.StartsWith(prefix, StringComparison.Ordinal)))
            .OrderBy(exchange => exchange.Key, StringComparer.Ordinal)
            .Select(exchange => ToJson(picture, exchange.Key, exchange.Value, policies));
    }

    public static ExchangeJson? Find(Picture picture, string vhost, string name, PolicyTable policies)
    {
        var key = GrainKeys.For(vhost, name);
        var declaration = picture.Exchanges.FirstOrDefault(exchange => exchange.Key == key)?.Declaration
            ?? (name.Length == 0 ? Default : PredeclaredExchanges.All.GetValueOrDefault(name));
        return declaration is null ? null : ToJson(picture, key, declaration, policies);
    }

    public static bool Has(Picture picture, string key) =>
        picture.Exchanges.Any(exchange => exchange.Key == key) || PredeclaredExchanges.All.ContainsKey(GrainKeys.Parse(key).Name);

    private static ExchangeJson ToJson(Picture picture, string key, ExchangeDeclaration declaration, PolicyTable policies)
    {
        var (vhost, name) = GrainKeys.Parse(key);
        return new ExchangeJson
        {
            Name = name,
            Vhost = vhost,
            Type = declaration.Type,
            Durable = declaration.Durable,
            AutoDelete = declaration.AutoDelete,
            Internal = declaration.Internal,
            Arguments = declaration.Arguments.IsEmpty ? FieldTable.Empty : declaration.Arguments.Decode(),
            Policy = policies.Find(vhost, PolicyTarget.Exchange, name).User?.Name,
            MessageStats = MessageStats.Of(picture.Publishes.GetValueOrDefault((vhost, name))),
        };
    }
}
