using Granary.Testing.Processes;

namespace Granary.Cluster.Tests;

/// <summary>What a node, or a member of a cluster, cannot be is said in a sentence that says what to do.</summary>
public sealed class RefusalTests
{
    [Theory]
    [InlineData("--role silo", "The store 'files' serves one node: a cluster, and a silo or gateway alone, need --store postgres and --connection.")]
    [InlineData("--role gateway --store memory", "The store 'memory' serves one node: a cluster, and a silo or gateway alone, need --store postgres and --connection.")]
    [InlineData("--proxy-port 5673", "--proxy-port needs --proxy-networks: the networks or addresses of the proxies")]
    [InlineData("--proxy-port 5673 --proxy-networks 10.0.0.0/33", "--proxy-networks: '10.0.0.0/33' is no network")]
    [InlineData("--cluster-id one", "The store 'files' serves one node")]
    [InlineData("--role silo --store postgres", "--store postgres needs --connection")]
    [InlineData("--role silo --store postgres --connection Hots=127.0.0.1", "The connection string for PostgreSQL is not valid: Couldn't set hots")]
    [InlineData("--store postgres --connection Host=127.0.0.1;Port=many", "The connection string for PostgreSQL is not valid: Couldn't set port")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1 --silo-port 0", "--silo-port has to be given a port")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1 --bind 0.0.0.0", "Other members cannot reach a silo at 0.0.0.0: --advertise names the address at which they can.")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1 --bind 0.0.0.0 --advertise 10.0.0.1", "Members that others reach have certificates: --silo-certificate, --silo-key and --silo-ca")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1 --silo-certificate a.pem --silo-key a.key", "--silo-certificate, --silo-key and --silo-ca go together: one of them is missing.")]
    [InlineData("--role gateway --store postgres --connection Host=127.0.0.1 --silo-certificate a.pem --silo-key a.key --silo-ca ca.pem", "--silo-certificate: a.pem cannot be read: Could not find file")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1 --silo-certificate a --silo-key a --silo-ca a --silo-name a_b!", "--silo-name: 'a_b!' is not a DNS name.")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1 --silo-certificate a --silo-key a --silo-ca a --insecure-cluster", "leave one of them out")]
    [InlineData("--role silo --store postgres --connection Host=127.0.0.1;Port=1", "PostgreSQL is out of reach")]
    [InlineData("--role gateway --store postgres --connection Host=127.0.0.1;Port=1", "PostgreSQL is out of reach")]
    [InlineData("--bind 0.0.0.0 --store memory", "Clients from other machines could not log in: guest is for loopback only, and there is no other user. Give the first start of a new store --default-user")]
    [InlineData("--default-user boss", "--default-user boss needs a password: GRANARY_DEFAULT_PASS, or a file with it by --default-pass-file.")]
    [InlineData("--default-pass-file /dev/null", "A password is given, and no user: --default-user, or GRANARY_DEFAULT_USER, is whose it is.")]
    [InlineData("--default-user boss --default-pass-file /dev/null", "--default-pass-file: '/dev/null' is empty.")]
    [InlineData("--default-user boss --default-pass-file /nowhere/password", "--default-pass-file: Could not find a part of the path '/nowhere/password'.")]
    public async Task Member_ThatCannotBe_IsRefusedWithWhatToDo(string options, string text)
    {
        await using var node = ChildProcess.Start("dotnet", [Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), .. options.Split(' ')], folder: Path.GetTempPath());

        Assert.InRange(await node.WaitForExitAsync(TimeSpan.FromSeconds(30)), 1, 2);
        Assert.Contains(text, node.Output, StringComparison.Ordinal);
    }
}
