using System.Net;
using System.Text;
using Granary.Core.Members;
using Granary.Gateway.Management;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Management;

/// <summary>Who may have the queues rebalanced over HTTP.</summary>
public sealed class RebalanceEndpointTests
{
    private readonly CountedPlaces _places = new();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.3.2.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    public async Task Post_FromTheNodesOwnMachine_BeginsAndDoesNotWaitForTheEnd(string from)
    {
        var (status, body) = await PostAsync(IPAddress.Parse(from));

        Assert.Equal((204, ""), (status, body));
        Assert.Equal(1, _places.Begun);
    }

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("2001:db8::1")]
    [InlineData(null)]
    public async Task Post_FromElsewhere_IsRefusedWithASentence(string? from)
    {
        var (status, body) = await PostAsync(from is null ? null : IPAddress.Parse(from));

        Assert.Equal(403, status);
        Assert.Equal("""{"error":"not_authorized","reason":"Queues are rebalanced for administrators, and without a login for clients on the node's own machine alone."}""", body.Replace("\\u0027", "'", StringComparison.Ordinal));
        Assert.Equal(0, _places.Begun);
    }

    private async Task<(int Status, string Body)> PostAsync(IPAddress? from)
    {
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { Connection = { RemoteIpAddress = from }, Response = { Body = body } };
        await new RebalanceEndpoint(_places, NullLogger<RebalanceEndpoint>.Instance).AnswerAsync(context);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(body.ToArray()));
    }

    /// <summary>Silos whose queues take for ever to move.</summary>
    private sealed class CountedPlaces : IQueuePlaces
    {
        public int Begun { get; private set; }

        public IReadOnlyList<string> Names => [];

        public SiloAddress? Find(string name) => null;

        public Task<SiloAddress> FindLeastLoadedAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<int> RebalanceAsync(CancellationToken cancellation)
        {
            Begun++;
            return new TaskCompletionSource<int>().Task;
        }
    }
}
