using Granary.Cli.Invocation;
using Granary.Testing.Brokers;

namespace Granary.Cli.Tests;

/// <summary>What an import of definitions would do is told, and not done.</summary>
public sealed class DefinitionsTests
{
    [Fact]
    public async Task DryRun_OfAFile_TellsWhatWouldBeDoneAndDoesNothing()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var file = Path.Combine(broker.DataFolder!, "definitions.json");
        await File.WriteAllTextAsync(file, """
            {"vhosts":[{"name":"/"}],"users":[{"name":"guest","tags":"monitoring"},{"name":"ann","password_hash":"","tags":"management"}],
             "queues":[{"name":"a","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-max-length":5}},{"name":"b","vhost":"nowhere"}],
             "exchanges":[{"name":"amq.direct","vhost":"/","type":"direct"},{"name":"x","vhost":"/","type":"topic","arguments":{}}],
             "bindings":[{"source":"x","vhost":"/","destination":"a","destination_type":"queue","routing_key":"#","arguments":{}}]}
            """);

        var told = await Ctl.RunAsync("rabbitmqctl", local, "import_definitions", file, "--dry-run", "-q");

        Assert.Equal(
            new CtlResult(
                ExitCode.Done,
                "~ user 'guest': tags [\"administrator\"] -> [\"monitoring\"]\n+ user 'ann'\n+ exchange 'x' in vhost '/'\n+ queue 'a' in vhost '/'\n" +
                "+ binding 'x' 'a' '#' in vhost '/'\n! queue 'b' in vhost 'nowhere': vhost 'nowhere' does not exist\n4 new, 1 changed, 1 unchanged, 1 would be refused\n",
                ""),
            told);
        Assert.Equal("", (await Ctl.RunAsync("rabbitmqctl", local, "list_queues", "-s", "name")).Output.Trim());

        // What is there otherwise than the file has it can't be declared.
        await File.WriteAllTextAsync(file, """{"vhosts":[{"name":"/"}],"queues":[{"name":"a","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-max-length":5}}]}""");
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "import_definitions", file)).Code);
        await File.WriteAllTextAsync(file, """{"queues":[{"name":"a","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-max-length":6}}]}""");
        Assert.Equal(
            "! queue 'a' in vhost '/': arguments {\"x-max-length\":5} -> {\"x-max-length\":6}\n0 new, 0 changed, 0 unchanged, 1 would be refused\n",
            (await Ctl.RunAsync("rabbitmqctl", local, "import_definitions", file, "--dry-run", "-q")).Output);
    }
}
