using System.Net;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>What the API tells of itself, and of how its node is set up.</summary>
[WatchedBroker]
public sealed class DocumentApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task OpenApi_HasEachPathWithItsMethodsAndParameters()
    {
        var document = await broker.GetAsync("openapi.json");
        Assert.Equal("3.1.0", (string)document["openapi"]!);
        var paths = document["paths"]!.AsObject();
        Assert.Equal(["delete", "get", "put"], paths["/api/queues/{vhost}/{name}"]!.AsObject().Select(static item => item.Key).Where(static key => key != "parameters").Order());
        Assert.Equal(["vhost", "name"], paths["/api/queues/{vhost}/{name}"]!["parameters"]!.AsArray().Select(static parameter => (string)parameter!["name"]!));
        Assert.NotNull(paths["/api/overview"]!["get"]!["responses"]!["200"]);
        Assert.All(
            paths.SelectMany(static path => path.Value!.AsObject()).Where(static item => item.Key != "parameters").GroupBy(static item => (string)item.Value!["operationId"]!),
            static operations => Assert.Single(operations));
        Assert.NotNull(paths["/api/openapi.json"]);
    }

    [Fact]
    public async Task Documentation_WhereRabbitMqHasIt_IsThatOfTheApi()
    {
        using var handler = new HttpClientHandler { AllowAutoRedirect = false };
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync(new Uri(broker.Client.BaseAddress!, "index.html"));
        Assert.Equal((HttpStatusCode.Found, "openapi.json"), (response.StatusCode, response.Headers.Location!.OriginalString));
    }

    [Fact]
    public async Task Configuration_IsToldWithWhereEachSettingIsFrom()
    {
        // A broker in the test's own process has none.
        var settings = (await broker.GetAsync("config/effective")).AsArray();
        Assert.All(settings, static setting => Assert.NotNull(setting!["origin"]));
        using var nobody = broker.ClientOf(null);
        using var refused = await nobody.GetAsync(new Uri("config/effective", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }
}
