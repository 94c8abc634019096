using Granary.Differ.Tests.Brokers;
using Granary.Differ.Tests.Walk;

namespace Granary.Differ.Tests.Http;

/// <summary>The same random requests to both brokers' management APIs. Settings as of <see cref="WalkTests"/>.</summary>
[Collection(BothBrokersCollection.Name)]
public sealed class ApiTests(BothBrokers brokers)
{
    [BothBrokersFact]
    public async Task Api_RandomRequests_AreAnsweredAsByRabbitMq()
    {
        using var rabbit = brokers.RabbitMq.Api();
        using var granary = brokers.Granary.Api();
        await Task.WhenAll(brokers.RabbitMq.MakeVhostAsync(ApiGenerator.Vhost), brokers.Granary.MakeVhostAsync(ApiGenerator.Vhost));
        var generator = new ApiGenerator(WalkSettings.FirstSeed);
        var found = new Dictionary<string, string>();
        for (var i = WalkSettings.Share(300); i > 0; i--)
        {
            var request = generator.Next();
            var answers = await Task.WhenAll(request.SendAsync(brokers.RabbitMq, rabbit), request.SendAsync(brokers.Granary, granary));
            var (mine, other) = (answers[0].Shown(), answers[1].Shown());
            if (mine == other)
            {
                continue;
            }

            if (request.IsChange && (answers[0].IsDone || answers[1].IsDone))
            {
                // From here on both have the same again.
                await Task.WhenAll(ResetAsync(brokers.RabbitMq, rabbit), ResetAsync(brokers.Granary, granary));
            }

            if (KnownApiDifferences.Covers(request, mine, other))
            {
                continue;
            }

            var told = $"{request}\n    RabbitMQ: {mine}\n    Granary:  {other}";
            if (found.TryAdd($"{request.Method} {request.Path.Split('/')[0]} {mine} {other}", told))
            {
                WalkSettings.Report([told]);
            }
        }

        await Task.WhenAll(RemoveAsync(brokers.RabbitMq, rabbit), RemoveAsync(brokers.Granary, granary));
        Assert.True(found.Count == 0, $"{found.Count} disagreements.\n{string.Join('\n', found.Values.Take(60))}");
    }

    private static async Task ResetAsync(BrokerAddress broker, HttpClient client)
    {
        await RemoveAsync(broker, client);
        await broker.MakeVhostAsync(ApiGenerator.Vhost);
    }

    private static async Task RemoveAsync(BrokerAddress broker, HttpClient client)
    {
        foreach (var path in new[] { $"vhosts/{ApiGenerator.Vhost}", "vhosts/walk-more", "vhosts/walk-none", "users/walker", "users/other", "users/guest1", "global-parameters/none" })
        {
            await new ApiRequest("DELETE", path, null).SendAsync(broker, client);
        }
    }
}
