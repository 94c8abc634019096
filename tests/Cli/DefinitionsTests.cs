using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;

namespace Granary.Cli.Tests;

/// <summary>Definitions that RabbitMQ has written: what an import would do is told, and nothing of them is lost.</summary>
public sealed class DefinitionsTests
{
    // Of each list of a file what its members are told apart by, and what RabbitMQ writes there that Granary has elsewhere.
    private static readonly (string List, string[] Key, string[] Elsewhere)[] Lists =
    [
        ("users", ["name"], []), ("vhosts", ["name"], ["limits"]), ("permissions", ["user", "vhost"], []), ("topic_permissions", ["user", "vhost", "exchange"], []),
        ("policies", ["vhost", "name"], []), ("parameters", ["vhost", "component", "name"], []), ("global_parameters", ["name"], []),
        ("exchanges", ["vhost", "name"], []), ("queues", ["vhost", "name"], []), ("bindings", ["vhost", "source", "destination", "destination_type", "routing_key", "arguments"], []),
    ];

    private static readonly string[] Types = ["direct", "topic", "fanout", "headers"];

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

    [Fact]
    public async Task Import_OfWhatRabbitMqHasExported_LosesNothing()
    {
        await using var rabbit = await RealRabbit.StartAsync();
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var file = Path.Combine(broker.DataFolder!, "definitions.json");
        await File.WriteAllTextAsync(file, Definitions().ToJsonString());
        Assert.Equal(0, (await rabbit.RunAsync("await_startup")).Code);
        Assert.Equal(0, (await rabbit.RunAsync("import_definitions", file)).Code);
        var theirs = await ExportAsync(rabbit, file);

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "import_definitions", file)).Code);

        var again = await Ctl.RunAsync("rabbitmqctl", local, "import_definitions", file, "--dry-run", "-q");
        Assert.StartsWith("0 new, 0 changed, ", again.Output, StringComparison.Ordinal);
        Assert.EndsWith(", 0 would be refused\n", again.Output, StringComparison.Ordinal);
        var ours = JsonNode.Parse((await Ctl.RunAsync("rabbitmqctl", local, "export_definitions", "-", "-q")).Output)!;
        Assert.Equal(1_000, theirs["queues"]!.AsArray().Count);
        Assert.Equal(201, theirs["users"]!.AsArray().Count);
        foreach (var (list, key, elsewhere) in Lists)
        {
            var found = ours[list]!.AsArray().ToDictionary(member => KeyOf(member!, key), static member => member!.AsObject());
            foreach (var expected in theirs[list]!.AsArray())
            {
                Assert.True(found.TryGetValue(KeyOf(expected!, key), out var actual), $"{list}: {expected} is lost");
                foreach (var (name, value) in expected!.AsObject().Where(field => !elsewhere.Contains(field.Key)))
                {
                    Assert.True(JsonNode.DeepEquals(value, actual[name]), $"{list}: {expected} has become {actual}");
                }
            }
        }
    }

    // It goes on importing after it has answered; bindings come last.
    private static async Task<JsonNode> ExportAsync(RealRabbit rabbit, string file)
    {
        for (var attempts = 0; ; attempts++)
        {
            Assert.True(attempts < 60, "RabbitMQ does not come to an end with its import.");
            File.Delete(file);
            Assert.Equal(0, (await rabbit.RunAsync("export_definitions", file)).Code);
            var exported = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
            if (exported["bindings"]!.AsArray().Count == 600)
            {
                return exported;
            }
        }
    }

    private static string KeyOf(JsonNode member, string[] key) => string.Join('|', key.Select(field => member[field]?.ToJsonString()));

    // As many as an installation of some size has, of every kind that a file can have.
    private static JsonObject Definitions() => new()
    {
        ["vhosts"] = Each(3, static number => new JsonObject { ["name"] = $"v{number}", ["metadata"] = new JsonObject { ["description"] = $"number {number}", ["tags"] = new JsonArray("a") } }),
        ["users"] = Each(200, static number => new JsonObject
        {
            ["name"] = $"u{number}",
            ["password_hash"] = "N/EIvRgDIQT7r/9E3lW6cpgdoIKZ8B7VYIpvgWz7cFZMS109",
            ["hashing_algorithm"] = "rabbit_password_hashing_sha256",
            ["tags"] = number % 2 == 0 ? new JsonArray("monitoring", "policymaker") : [],
            ["limits"] = new JsonObject(number % 5 == 0 ? [new("max-connections", number + 1)] : []),
        }),
        ["permissions"] = Each(200, static number => new JsonObject { ["user"] = $"u{number}", ["vhost"] = $"v{number % 3}", ["configure"] = $"^u{number}-", ["write"] = ".*", ["read"] = "" }),
        ["topic_permissions"] = Each(
            20, static number => new JsonObject { ["user"] = $"u{number}", ["vhost"] = $"v{number % 3}", ["exchange"] = "amq.topic", ["write"] = "^{username}-", ["read"] = ".*" }),
        ["policies"] = Each(50, static number => new JsonObject
        {
            ["vhost"] = $"v{number % 3}",
            ["name"] = $"p{number}",
            ["pattern"] = $"^q{number}-",
            ["apply-to"] = number % 2 == 0 ? "queues" : "all",
            ["priority"] = number,
            ["definition"] = new JsonObject { ["max-length"] = number + 1, ["dead-letter-exchange"] = "x0" },
        }),
        ["parameters"] = Each(3, static number => new JsonObject
        {
            ["vhost"] = $"v{number}",
            ["component"] = number == 0 ? "vhost-limits" : "operator_policy",
            ["name"] = number == 0 ? "limits" : $"o{number}",
            ["value"] = number == 0 ? new JsonObject { ["max-queues"] = 5_000 } : new JsonObject
            {
                ["pattern"] = "^q",
                ["apply-to"] = "queues",
                ["priority"] = 1,
                ["definition"] = new JsonObject { ["expires"] = 3_600_000 },
            },
        }),
        ["exchanges"] = Each(60, static number => new JsonObject
        {
            ["name"] = $"x{number}",
            ["vhost"] = $"v{number % 3}",
            ["type"] = Types[number % 4],
            ["durable"] = true,
            ["auto_delete"] = false,

            // RabbitMQ does not export those that are internal.
            ["internal"] = false,
            ["arguments"] = number % 9 == 0 ? new JsonObject { ["alternate-exchange"] = "amq.fanout" } : [],
        }),
        ["queues"] = Each(1_000, static number => new JsonObject
        {
            ["name"] = $"q{number}-\u00fc",
            ["vhost"] = $"v{number % 3}",
            ["durable"] = true,
            ["auto_delete"] = false,
            ["arguments"] = (number % 5) switch
            {
                0 => new JsonObject { ["x-max-length"] = number + 1, ["x-overflow"] = "reject-publish" },
                1 => new JsonObject { ["x-message-ttl"] = 60_000, ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = "dead" },
                2 => new JsonObject { ["x-max-priority"] = 9 },
                _ => [],
            },
        }),
        ["bindings"] = Each(600, static number => new JsonObject
        {
            ["source"] = $"x{number % 60}",
            ["vhost"] = $"v{number % 3}",
            ["destination"] = number % 10 == 0 ? $"x{(number + 3) % 60}" : $"q{number}-\u00fc",
            ["destination_type"] = number % 10 == 0 ? "exchange" : "queue",
            ["routing_key"] = $"k.{number}.#",
            ["arguments"] = number % 60 % 4 == 3 ? new JsonObject { ["x-match"] = "all", ["n"] = number } : [],
        }),
    };

    private static JsonArray Each(int count, Func<int, JsonNode> make) => [.. Enumerable.Range(0, count).Select(make)];
}
