using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Processes;

namespace Granary.Cli.Tests;

/// <summary>Definitions that a node imports at its start.</summary>
public sealed class BootImportTests : IDisposable
{
    private const int PassedOver = 1731, WithoutEffect = 9302;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("granary-definitions-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Start_WithAFolderOfDefinitions_HasThemBeforeItServes_AndNoGuest()
    {
        Write("10-users.json", """
            {"vhosts":[{"name":"shop"}],"users":[{"name":"ann","password_hash":"N/EIvRgDIQT7r/9E3lW6cpgdoIKZ8B7VYIpvgWz7cFZMS109","tags":["administrator"]}],
             "permissions":[{"user":"ann","vhost":"shop","configure":".*","write":".*","read":".*"}]}
            """);
        Write("20-queues.json", """
            {"exchanges":[{"name":"x","vhost":"shop","type":"topic"}],"queues":[{"name":"orders","vhost":"shop","durable":true,"arguments":{"x-max-length":5}}],
             "policies":[{"vhost":"shop","name":"p","pattern":".*","apply-to":"queues","priority":1,"definition":{"max-length":7}}],
             "bindings":[{"source":"x","vhost":"shop","destination":"orders","destination_type":"queue","routing_key":"#","arguments":{}},
                         {"source":"internal","vhost":"shop","destination":"orders","destination_type":"queue","routing_key":"#","arguments":{}}]}
            """);
        Write("notes.txt", "no definitions");
        await using var broker = await BrokerProcess.StartAsync("--load-definitions", _folder.FullName);
        broker.Watched.Allow(PassedOver);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        Assert.Equal(["ann\t[administrator]"], await LinesAsync(local, "list_users"));
        Assert.Equal(["shop"], await LinesAsync(local, "list_vhosts"));
        Assert.Equal(["orders\tp"], await LinesAsync(local, "list_queues", "-p", "shop", "name", "policy"));
        Assert.Equal(["\torders\torders", "x\torders\t#"], await LinesAsync(local, "list_bindings", "-p", "shop", "source_name", "destination_name", "routing_key"));
        broker.Settle();
        Assert.Contains("binding of 'internal' to 'orders': no exchange 'internal' in vhost 'shop'", broker.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"queues":[{"name":"q","vhost":"nowhere"}]}""", "vhost 'nowhere' does not exist")]
    [InlineData("""{"queues":[""", "cannot be imported: ")]
    [InlineData("""{"vhosts":[{"name":"/"}],"exchanges":[{"name":"x","vhost":"/","type":"imaginary"}]}""", "unknown exchange type 'imaginary'")]
    public async Task Start_WithDefinitionsThatCannotBeMade_IsRefusedWithASentence(string definitions, string reason)
    {
        Write("d.json", definitions);
        var (code, output) = await RefusedAsync("--load-definitions", Path.Combine(_folder.FullName, "d.json"));

        Assert.Equal(1, code);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain(" at Granary.", output, StringComparison.Ordinal);

        // It stops what it had started.
        var log = new WatchedLog();
        log.Leave();
        foreach (var line in output.Split('\n').Select(LogLine.Parse).Where(static line => line.Category != LogLine.Outside))
        {
            log.Add(line);
        }

        log.Check();
    }

    [Fact]
    public async Task Start_WithoutTheFileOfDefinitions_IsRefusedBeforeAnythingIsMade()
    {
        var (code, output) = await RefusedAsync("--load-definitions", Path.Combine(_folder.FullName, "d.json"));

        Assert.Equal((2, $"--load-definitions: there is no file or folder '{Path.Combine(_folder.FullName, "d.json")}'."), (code, output.Trim()));
        Assert.False(Directory.Exists(Path.Combine(_folder.FullName, "data")));
    }

    [Theory]
    [InlineData(false, "monitoring")]
    [InlineData(true, "management")]
    public async Task Start_WithTheSameDefinitionsAgain_LeavesWhatWasChangedIfTold(bool skips, string left)
    {
        Write("d.json", """{"users":[{"name":"joe","password_hash":"","tags":"monitoring"}]}""");
        await using var node = new KilledNode("--load-definitions", Path.Combine(_folder.FullName, "d.json"), "--definitions-skip-if-unchanged", $"{skips}");
        await node.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = node.DataFolder };
        Assert.Equal(["joe\t[monitoring]"], await LinesAsync(local, "list_users"));
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_user_tags", "joe", "management")).Code);
        await node.KillAsync();

        await node.StartAsync();
        Assert.Equal([$"joe\t[{left}]"], await LinesAsync(local, "list_users"));
    }

    [Fact]
    public async Task Start_WithDefinitionsOfAServer_HasThemIfBothShowTheirCertificates()
    {
        await using var site = await DefinitionsSite.StartAsync(_folder.FullName, """{"users":[{"name":"joe","password_hash":"","tags":"monitoring"}]}""");
        Write("rabbit.conf", $"""
            definitions.import_backend = https
            definitions.https.url = {site.Address}/moved.json
            definitions.local.path = /nowhere/d.json
            definitions.tls.versions.1 = tlsv1.3
            definitions.tls.cacertfile = {Path.Combine(_folder.FullName, "ca.pem")}
            definitions.tls.certfile = {Path.Combine(_folder.FullName, "silo.pem")}
            definitions.tls.keyfile = {Path.Combine(_folder.FullName, "silo.key")}
            """);
        await using var broker = await BrokerProcess.StartAsync("--config", Path.Combine(_folder.FullName, "rabbit.conf"));
        broker.Watched.Expect(WithoutEffect);
        Assert.Equal(["joe\t[monitoring]"], await LinesAsync(new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! }, "list_users"));

        string[] certificates = ["--definitions-certificate", Path.Combine(_folder.FullName, "silo.pem"), "--definitions-key", Path.Combine(_folder.FullName, "silo.key")];
        await RefusedByAsync("certificate is invalid", 1, $"{site.Address}/d.json", certificates);
        await RefusedByAsync("the server answered with 404", 1, $"{site.Address}/none.json", ["--definitions-verify", "verify_none", .. certificates]);
        await RefusedByAsync("cannot be imported: ", 1, $"{site.Address}/d.json", "--definitions-ca", Path.Combine(_folder.FullName, "ca.pem"));
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/d.json", "has to be an address that begins with https://")]
    [InlineData("https://joe:secret@127.0.0.1:1/d.json", "--load-definitions: a password in an address")]
    [InlineData("https://127.0.0.1:1/d.json", "--definitions-certificate and --definitions-key need each other.", "--definitions-key", "k.pem")]
    [InlineData("https://127.0.0.1:1/d.json", "--definitions-ca: /nowhere/ca.pem cannot be read", "--definitions-ca", "/nowhere/ca.pem")]
    public Task Start_WithAServerThatIsNotToBeAsked_IsRefusedBeforeAnythingIsMade(string address, string reason, params string[] options) => RefusedByAsync(reason, 2, address, options);

    private async Task RefusedByAsync(string reason, int code, string address, params string[] options)
    {
        var (ended, output) = await RefusedAsync(["--load-definitions", address, .. options]);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
        Assert.DoesNotContain(" at Granary.", output, StringComparison.Ordinal);
        Assert.Equal(code, ended);
    }

    [Fact]
    public async Task DryRun_OfABindingOfWhatIsNowhere_SaysThatItIsPassedOver()
    {
        var broker = await BrokerProcess.SharedAsync();
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker.HttpPort}/api/") };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        using var content = new StringContent("""
            {"exchanges":[{"name":"boot-dry","vhost":"/","type":"topic"}],
             "bindings":[{"source":"boot-dry","vhost":"/","destination":"amq.fanout","destination_type":"exchange","routing_key":"a","arguments":{}},
                         {"source":"boot-dry","vhost":"/","destination":"boot-dry","destination_type":"queue","routing_key":"b","arguments":{}}]}
            """, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri("definitions?dry_run=true", UriKind.Relative), content);

        var told = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal(["exchange", "binding"], told["changes"]!.AsArray().Select(static change => (string)change!["kind"]!));
        Assert.Equal("no queue 'boot-dry' in vhost '/': passed over", (string)Assert.Single(told["errors"]!.AsArray())!["reason"]!);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder.FullName, name), text);

    private static async Task<string[]> LinesAsync(Dictionary<string, string> local, params string[] command)
    {
        var told = await Ctl.RunAsync("rabbitmqctl", local, [command[0], "-s", .. command[1..]]);
        return [.. told.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }

    private async Task<(int Code, string Output)> RefusedAsync(params string[] options)
    {
        var ports = FreePort.Take(4);
        await using var node = ChildProcess.Start("dotnet",
        [
            Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), "--data", Path.Combine(_folder.FullName, "data"), "--amqp-port", $"{ports[0]}", "--grpc-port", $"{ports[1]}",
            "--http-port", $"{ports[2]}", "--metrics-port", $"{ports[3]}", .. options,
        ]);
        return (await node.WaitForExitAsync(TimeSpan.FromSeconds(60)), node.Output);
    }
}
