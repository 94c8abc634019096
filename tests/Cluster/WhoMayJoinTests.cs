using Granary.Testing.Certificates;
using Granary.Testing.Processes;

namespace Granary.Cluster.Tests;

/// <summary>Members of a cluster know each other by certificates: nobody else gets in, and they are renewed while the cluster is up.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class WhoMayJoinTests : IDisposable
{
    private const string Name = "granary-silo", IntrudersName = "intruder.test";
    private const int Renewed = 3402, NotRenewed = 3403, Refused = 3405, NoHandshake = 3406;

    private readonly string _folder = Directory.CreateTempSubdirectory("granary-certificates-").FullName;
    private readonly TestAuthority _authority = new();

    [Fact]
    public async Task Silo_WithoutACertificateOfTheCluster_DoesNotJoinAndDisturbsNobody()
    {
        // Whoever has another name than the cluster's believes them all the same: it is the members who do not let it in.
        _authority.IssueTo(PathOf("members"), [Name, IntrudersName]);
        using var other = new TestAuthority();
        other.IssueTo(PathOf("other"), [Name, IntrudersName], trusted: _authority.Pem + other.Pem);
        _authority.IssueTo(PathOf("name"), [IntrudersName]);
        await using var cluster = await LocalCluster.StartAsync(2, 1, "--tls", PathOf("members"));
        await using var load = await ClusterLoad.StartAsync(cluster.AmqpPort(1), cluster.AmqpPort(1), queues: 10);
        var publishing = load.PublishForAsync(TimeSpan.FromSeconds(15));

        foreach (var (number, refusal, options) in new (int, int, string[])[]
        {
            (1, NoHandshake, []),
            (2, Refused, Options("other")),
            (3, Refused, [.. Options("name"), "--silo-name", IntrudersName]),
        })
        {
            var before = cluster.LogOf("silo-1").Count(line => line.Event == refusal);
            await using var intruder = JoiningNode.Start("silo", cluster.Connection, options);

            // It tries again and again, until the members declare it dead.
            Assert.DoesNotContain(SiloStatus.Active, await intruder.StatesUntilItEndsAsync());
            Assert.True(cluster.LogOf("silo-1").Count(line => line.Event == refusal) > before, $"The {number}. was refused for another reason:\n{intruder.Output}");
        }

        await publishing;
        await load.CheckAsync();
        cluster.Allow(Refused);
        var reasons = cluster.LogOf("silo-1").Where(line => line.Event == Refused).Select(line => line.Text[(line.Text.IndexOf('(', StringComparison.Ordinal))..]).Distinct();
        Assert.Equal(["(CN=a member) is not signed by the cluster's CA", $"(CN=a member) is not for the name '{Name}'"], reasons);
        Assert.InRange(load.LongestConfirm, TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Certificates_ReplacedWhileTheClusterIsUp_AreWhatNewMembersAreKnownBy()
    {
        string[] members = ["silo-1", "gateway-1"];
        var folder = PathOf("members");
        _authority.IssueTo(folder, [Name]);
        await using var cluster = await LocalCluster.StartAsync(1, 1, "--tls", folder);
        var load = await ClusterLoad.StartAsync(cluster.AmqpPort(1), cluster.AmqpPort(1), queues: 10);
        using var next = new TestAuthority("the next CA");

        // First both CAs are trusted, then the members get certificates of the new one.
        await File.WriteAllTextAsync(Path.Combine(folder, "ca.pem"), _authority.Pem + next.Pem);
        await WhenLoggedAsync(Renewed, times: 1);
        var (certificate, key) = next.Issue([Name]);
        await File.WriteAllTextAsync(Path.Combine(folder, "silo.pem"), certificate);
        await WhenLoggedAsync(NotRenewed, times: 1);
        cluster.Allow(NotRenewed);
        await load.PublishForAsync(TimeSpan.FromSeconds(1));
        await File.WriteAllTextAsync(Path.Combine(folder, "silo.key"), key);
        await WhenLoggedAsync(Renewed, times: 2);

        // Newcomers know nothing of the old CA. They run as containers often do: as a user without a name and a home.
        next.IssueTo(PathOf("next"), [Name]);
        NamelessUser.Admit(_folder);
        NamelessUser.Admit(PathOf("next"));
        await using var silo = Start("silo");
        await silo.WhenReadyAsync();
        await using var gateway = Start("gateway");
        await gateway.WhenReadyAsync();

        // All queues are theirs now.
        var publishing = load.PublishForAsync(TimeSpan.FromSeconds(5));
        await cluster.SignalAsync("silo-1", "KILL");
        await publishing;
        await load.CheckAsync();
        await load.DisposeAsync();
        await using var through = await ClusterLoad.StartAsync(gateway.Amqp, cluster.AmqpPort(1), queues: 10);
        await through.PublishForAsync(TimeSpan.FromSeconds(1));
        await through.CheckAsync();

        // The newcomers end first, and without its silo the gateway would wait for half a minute before it ends.
        await cluster.SignalAsync("gateway-1", "KILL");

        JoiningNode Start(string role) => NamelessUser.Missing is null
            ? JoiningNode.StartNameless(role, cluster.Connection, Options("next"))
            : JoiningNode.Start(role, cluster.Connection, Options("next"));

        async Task WhenLoggedAsync(int eventId, int times)
        {
            foreach (var member in members)
            {
                await cluster.WhenLoggedAsync(member, eventId, times);
            }
        }
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string folder) => Path.Combine(_folder, folder);

    private string[] Options(string folder) =>
    [
        "--silo-certificate", Path.Combine(PathOf(folder), "silo.pem"), "--silo-key", Path.Combine(PathOf(folder), "silo.key"), "--silo-ca", Path.Combine(PathOf(folder), "ca.pem"),
    ];
}
