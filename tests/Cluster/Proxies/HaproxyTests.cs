using System.Net;
using System.Text.RegularExpressions;
using RabbitMQ.Client.Exceptions;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Proxies;

/// <summary>What docs/operations.md says of a proxy in front, with its own text.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed partial class HaproxyTests(ITestOutputHelper output)
{
    private const int LoginRefused = 1105;
    private const int ClientsOfEach = 6;

    // A message on its way when a gateway is killed, the one behind it, and one more: a client that has these is through again.
    private const int Through = 3;

    /// <summary>All configurations at once, and one more that has no clients: bare checks of the port for proxies.</summary>
    [Fact]
    public async Task Gateway_KilledBehindHaproxy_IsLeftByItsClientsWithinAHeartbeatAndChecksLogNothing()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 2, "--proxies", "127.0.0.1");
        cluster.Allow(LoginRefused);
        var documented = Haproxy.Documented();
        Assert.Equal(3, documented.Length);
        await using var usual = await Haproxy.StartAsync(documented[0], cluster.AmqpPort, Http);
        await using var better = await Haproxy.StartAsync(documented[1], cluster.ProxyPort, Http);
        await using var page = await Haproxy.StartAsync(documented[2], Http, Http);
        await using var bare = await Haproxy.StartAsync(Asking().Replace(documented[1], ""), cluster.ProxyPort, Http);

        // Who is not let in is the proxy in the first case, the client in the second.
        await RefuseAsync(usual, From(90));
        await RefuseAsync(better, From(91));
        await using var ofUsual = await Crowd.StartAsync("usual", usual.Port);
        await using var ofBetter = await Crowd.StartAsync("better", better.Port);
        await UntilAllAreThroughAsync();
        var visitors = await Task.WhenAll(Enumerable.Range(1, ClientsOfEach).Select(number => PageVisitor.LogInAsync(page.Port, From(number))));
        await HearAsync();

        await cluster.SignalAsync("gateway-1", "KILL");
        await UntilAllAreThroughAsync();
        await HearAsync();
        Assert.InRange(visitors.Count(visitor => visitor.Streams > 1), 1, ClientsOfEach - 1);
        Array.ForEach(visitors, visitor => visitor.Dispose());

        // Each has looked for it three times, and for the other one as often.
        await Clients.UntilAsync(() => new[] { usual, better, page, bare }.All(proxy => proxy.Output.Contains("/gateway-1 is DOWN", StringComparison.Ordinal)));
        string[] gateways = ["gateway-1", "gateway-2"];
        var ends = gateways.SelectMany(cluster.LogOf).Where(line => line.Event is > 1100 and < 1300).ToArray();
        foreach (var crowd in new[] { ofUsual, ofBetter })
        {
            await crowd.EndAsync();
            output.WriteLine($"{crowd.Name}: {crowd.Losses} of {ClientsOfEach} lost their connection; the slowest message of all took {crowd.Longest}");
            Assert.InRange(crowd.Losses, 1, ClientsOfEach - 1);
            Assert.True(crowd.Longest < ProxiedClient.Heartbeat, $"{crowd.Name}: {crowd.Longest}");
        }

        Assert.Equal([LoginRefused, LoginRefused], ends.Select(line => line.Event));
        Assert.Contains(ends, line => line.Text.StartsWith("Login of 127.0.0.1:", StringComparison.Ordinal));
        Assert.Contains(ends, line => line.Text.StartsWith($"Login of {From(91)}:", StringComparison.Ordinal));

        // More than what is on its way already.
        async Task HearAsync()
        {
            for (var news = 0; news < Through; news++)
            {
                await Task.WhenAll(visitors.Select(visitor => visitor.HearAsync()));
            }
        }

        int Http(int gateway) => cluster.HttpPort($"gateway-{gateway}");

        async Task UntilAllAreThroughAsync()
        {
            ProxiedClient[] all = [.. ofUsual.Clients, .. ofBetter.Clients];
            var rounds = all.Select(client => client.Rounds + Through).ToArray();
            await Clients.UntilAsync(() => all.Zip(rounds).All(one => one.First.Rounds >= one.Second));
        }
    }

    private static IPAddress From(int number) => new([127, 0, 1, (byte)number]);

    private static async Task RefuseAsync(Haproxy proxy, IPAddress from)
    {
        var factory = ProxiedClient.Factory(proxy.Port, from);
        factory.UserName = "nobody";
        var refused = await Assert.ThrowsAsync<BrokerUnreachableException>(() => factory.CreateConnectionAsync());
        Assert.IsType<AuthenticationFailureException>(refused.InnerException);
    }

    // All by which a check is more than a connection.
    [GeneratedRegex(@"^ *(option httpchk|http-check) .*\n| port \d+", RegexOptions.Multiline)]
    private static partial Regex Asking();

    /// <summary>Clients of one proxy, each from an address of its own.</summary>
    private sealed class Crowd(string name) : IAsyncDisposable
    {
        private readonly List<ProxiedClient> _clients = [];

        public string Name => name;

        public IReadOnlyList<ProxiedClient> Clients => _clients;

        public int Losses => _clients.Count(client => client.HasLostItsConnection);

        public TimeSpan Longest => _clients.Max(client => client.Longest);

        public static async Task<Crowd> StartAsync(string name, int port)
        {
            var crowd = new Crowd(name);
            for (var i = 1; i <= ClientsOfEach; i++)
            {
                crowd._clients.Add(await ProxiedClient.StartAsync(port, From(i), $"{name}-{i}"));
            }

            return crowd;
        }

        public Task EndAsync() => Task.WhenAll(_clients.Select(client => client.EndAsync()));

        public async ValueTask DisposeAsync()
        {
            foreach (var client in _clients)
            {
                await client.DisposeAsync();
            }
        }
    }
}
