using System.Net;
using System.Text;
using Granary.Core.Members;
using Granary.Gateway.Management;
using Granary.Testing.Brokers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Management;

/// <summary>Who may have the queues rebalanced over HTTP.</summary>
[WatchedBroker]
public sealed class RebalanceEndpointTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Theory]
    [InlineData(null, "", HttpStatusCode.Unauthorized)]
    [InlineData("guest:wrong", "", HttpStatusCode.Unauthorized)]
    [InlineData("guest:guest", "", HttpStatusCode.NoContent)]
    [InlineData("guest:guest", "?vhost_pattern=%5E%2F%24&queue_pattern=%5Eq", HttpStatusCode.NoContent)]
    [InlineData("guest:guest", "?queue_pattern=(", HttpStatusCode.BadRequest)]
    [InlineData(null, "?queue_pattern=(", HttpStatusCode.Unauthorized)]
    public async Task Post_FromTheNodesOwnMachine_NeedsALogin(string? user, string query, HttpStatusCode status)
    {
        using var client = broker.ClientOf(user);
        using var answer = await client.PostAsync(new Uri("rebalance/queues" + query, UriKind.Relative), content: null);
        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task Post_OfAUserWhoIsNoAdministrator_IsRefused()
    {
        var user = ApiBroker.New("monitor");
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"monitoring"}""")).Status);
        using var client = broker.ClientOf($"{user}:p");
        using var answer = await client.PostAsync(new Uri("rebalance/queues", UriKind.Relative), content: null);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    /// <summary>It has no users whom it could ask for a password.</summary>
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("10.0.0.1")]
    [InlineData(null)]
    public async Task Post_ToASiloWithoutClients_IsRefusedWithASentence(string? from)
    {
        var places = new CountedPlaces();
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { Connection = { RemoteIpAddress = from is null ? null : IPAddress.Parse(from) }, Response = { Body = body } };
        await new RebalanceEndpoint(places, NullLogger<RebalanceEndpoint>.Instance).AnswerAsync(context);

        Assert.Equal(403, context.Response.StatusCode);
        Assert.Equal(
            """{"error":"not_authorized","reason":"Queues are rebalanced for administrators, and this process, which has no clients, knows no users: ask a member that has clients."}""",
            Encoding.UTF8.GetString(body.ToArray()));
        Assert.Equal(0, places.Begun);
    }

    private sealed class CountedPlaces : IQueuePlaces
    {
        public int Begun { get; private set; }

        public IReadOnlyList<string> Names => [];

        public SiloAddress? Find(string name) => null;

        public Task<SiloAddress> FindLeastLoadedAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<int> RebalanceAsync(QueueChoice choice, CancellationToken cancellation)
        {
            Begun++;
            return Task.FromResult(0);
        }
    }
}
