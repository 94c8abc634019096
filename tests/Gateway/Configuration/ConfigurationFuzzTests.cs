using System.CommandLine;
using System.Text;
using Granary.Gateway.Tests.Abuse;
using Granary.Node;
using Granary.Node.Configuration;
using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Configuration;

/// <summary>Spoilt configuration files, variables and options: a node has all it needs to start, or one sentence for each thing that is wrong, which says where it is.</summary>
/// <remarks>GRANARY_TEST_FUZZ_SEED says with which seed they begin.</remarks>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class ConfigurationFuzzTests : IDisposable
{
    private const int Files = 1_500, Variables = 1_000, CommandLines = 1_000, LongestSentence = 600;

    // Of a broker that has run RabbitMQ, with most kinds of values.
    private const string Real = """
        listeners.tcp.default = 5672
        listeners.tcp.1 = 127.0.0.1:5673
        listeners.ssl.default = 5671
        ssl_options.cacertfile = /etc/ssl/ca.pem
        ssl_options.certfile = /etc/ssl/server.pem
        ssl_options.keyfile = /etc/ssl/server.key
        ssl_options.verify = verify_peer
        ssl_options.fail_if_no_peer_cert = false
        ssl_options.depth = 2
        ssl_options.versions.1 = tlsv1.3
        ssl_handshake_timeout = 5000
        management.tcp.port = 15672
        management.tcp.ip = 0.0.0.0
        prometheus.tcp.port = 15692
        handshake_timeout = 10000
        consumer_timeout = 1800000
        heartbeat = 60
        frame_max = 128KB
        channel_max = 128
        max_message_size = 134217728
        vm_memory_high_watermark.relative = 0.4
        vm_memory_high_watermark.absolute = 2GB
        disk_free_limit.absolute = 50MB
        disk_free_limit.relative = 1.5
        cluster_name = blue
        auth_mechanisms.1 = PLAIN
        auth_mechanisms.2 = AMQPLAIN
        auth_backends.1 = internal
        auth_oauth2.resource_server_id = rabbitmq
        auth_oauth2.issuer = https://issuer.example
        auth_oauth2.signing_keys.k1 = /a.pem
        auth_oauth2.scope_aliases.admin = broker.tag:administrator broker.read:*/*
        default_user = boss
        default_pass = 'pass # word'
        default_vhost = orders
        default_permissions.configure = .*
        loopback_users.guest = true
        definitions.local.path = /etc/rabbitmq/definitions.json
        definitions.skip_if_unchanged = true
        log.console.level = info
        cluster_partition_handling = pause_minority
        collect_statistics_interval = 5000
        node_name = rabbit@a
        drain_time = 10
        otlp_endpoint = http://127.0.0.1:4317
        proxy_networks = 10.0.0.0/8,192.168.1.5
        role = both
        store = files
        """;

    private static readonly string[] HostileValues =
    [
        "", " ", "0", "-1", "-0", "1e9", "1.5", "NaN", "Infinity", "99999999999999999999", "2147483648", "9223372036854775808", "65536", "0x10", "1GB", "1YB", "99999999999GB", "1.5*memory", "*memory", "1e308*memory",
        "true", "maybe", "none", "all", "both", "postgres", "127.0.0.1", "127.0.0.1:99999", "::1:5672", "[::1]:5672", "999.0.0.1", "10.0.0.0/33", "10.0.0.0/-1", "/0", "localhost", "a,b,,c", ",", "/", "/nowhere/x",
        "/etc/passwd", "..", "~", "http://", "http:///x", "https://[", "file:///etc/passwd", "not a url", "tlsv1.2,tlsv9", "PLAIN,BOGUS", "EXTERNAL", "a=b", "=", "a=", "Host=;;", "Host=x;Port=nan", "Bogus=1", "rabbit@a@b", "@",
        "\0", "a\0b", "\u001b[31mred", "\ud83d\ude00", "é", new('9', 400), new('x', 10_000), new('/', 300),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("granary-fuzz-").FullName;

    [Fact]
    public void File_ThatIsSpoilt_IsUsedOrRefusedWithItsLine()
    {
        var outcomes = new Outcomes();
        for (var seed = Fuzzing.Seed; seed < Fuzzing.Seed + Files; seed++)
        {
            var random = new Random(seed);
            var path = Path.Combine(_folder, "granary.conf");
            File.WriteAllBytes(path, SpoiltFile(random));
            Judge(outcomes, $"seed {seed}", path, [], []);
        }

        outcomes.Check(Files);
    }

    [Fact]
    public void Variables_ThatAreSpoilt_AreUsedOrRefusedWithTheirNames()
    {
        File.WriteAllBytes(Path.Combine(_folder, "binary"), [0xFF, 0, 1, 0xFE, 10]);
        var outcomes = new Outcomes();
        string[] names = [.. Names().Select(static name => Settings.VariableOf(name)), .. Secret.Names.Select(static name => Settings.VariableOf(name)), "RABBITMQ_NODENAME", "RABBITMQ_NODE_PORT", "RABBITMQ_DEFAULT_VHOST"];
        for (var seed = Fuzzing.Seed; seed < Fuzzing.Seed + Variables; seed++)
        {
            var random = new Random(seed);
            var variables = new Dictionary<string, string>();
            for (var more = random.Next(1, 4); more > 0; more--)
            {
                var (name, isFile) = (Pick(random, names), random.Next(6) == 0);
                variables[isFile ? $"{name}_FILE" : name] = isFile ? Pick(random, ["/nowhere", _folder, Path.Combine(_folder, "binary"), ""]) : WithoutEnd(Pick(random, HostileValues));
            }

            Judge(outcomes, $"seed {seed}: {string.Join(' ', variables)}", null, variables, []);
        }

        outcomes.Check(Variables);
    }

    [Fact]
    public void Options_ThatAreSpoilt_AreUsedOrRefusedWithTheirNames()
    {
        var outcomes = new Outcomes();
        string[] names = [.. Names(), "--config", "--help", "--version", "--nosuch", "-x", "--", "-", "", "@/nowhere", "/?", "--heartbeat="];
        for (var seed = Fuzzing.Seed; seed < Fuzzing.Seed + CommandLines; seed++)
        {
            var random = new Random(seed);
            List<string> arguments = [];
            for (var more = random.Next(1, 4); more > 0; more--)
            {
                var (name, value) = (Pick(random, names), Typed(Pick(random, HostileValues)));
                arguments.AddRange(random.Next(3) switch { 0 => [$"{name}={value}"], 1 => [name], _ => [name, value] });
            }

            Judge(outcomes, $"seed {seed}: {string.Join(' ', arguments)}", null, [], [.. arguments]);
        }

        outcomes.Check(CommandLines);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string[] Names()
    {
        var settings = new Settings(static _ => null);
        NodeCommand.Create(settings, static (_, _) => Task.FromResult(0));
        return [.. settings.Options.Select(static option => option.Name)];
    }

    // The system ends variables and arguments there.
    private static string WithoutEnd(string text) => text.Split('\0')[0];

    // What is no option at all is repeated as it is.
    private static string Typed(string text) => WithoutEnd(text.Length > 300 ? text[..300] : text).Replace("\u001b", "", StringComparison.Ordinal);

    private static string Pick(Random random, string[] some) => some[random.Next(some.Length)];

    private static byte[] SpoiltFile(Random random)
    {
        var lines = Real.Split('\n').OrderBy(_ => random.Next()).Take(random.Next(1, 12)).ToList();
        for (var more = random.Next(3); more > 0; more--)
        {
            var at = random.Next(lines.Count);
            lines[at] = $"{lines[at].Split('=')[0]}={Pick(random, HostileValues)}";
        }

        var bytes = Encoding.UTF8.GetBytes(string.Join(random.Next(5) == 0 ? "\r\n" : "\n", lines)).ToList();
        for (var changes = random.Next(4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(4, bytes.Count - at));
                    break;
                case 2:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pick(random, ["=", "\n", "'", "#", "\0", "..", ".", " ", "999999999999999", "\ufeff", "\u2028", "encrypted:", "\r"])));
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 30), bytes.Count - at)));
                    break;
            }

            if (bytes.Count == 0)
            {
                break;
            }
        }

        return [.. bytes];
    }

    // As the executable does it, up to the options of the node.
    private static void Judge(Outcomes outcomes, string what, string? file, Dictionary<string, string> variables, string[] arguments)
    {
        try
        {
            NodeOptions? options = null;
            var settings = new Settings(name => variables.GetValueOrDefault(name));
            var command = NodeCommand.Create(settings, (given, _) =>
            {
                options = given;
                return Task.FromResult(0);
            });
            if (file is not null)
            {
                settings.Read(file);
            }

            var parsed = command.Parse(arguments);
            string[] sentences = settings.File.Faults is { Count: > 0 } faults ? [.. faults] : [.. parsed.Errors.Select(static error => error.Message)];
            if (sentences.Length == 0)
            {
                using var output = new StringWriter();
                Assert.Equal(0, parsed.Invoke(new InvocationConfiguration { Output = output, Error = output }));
                sentences = options?.Refusal() is { } refusal ? [refusal] : [];
            }

            outcomes.Count(sentences.Length == 0);
            Assert.All(sentences, sentence => Check(sentence, file, variables, arguments));
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{what}: {exception.Message}{(file is null ? "" : $"\n{Encoding.Latin1.GetString(File.ReadAllBytes(file))}")}", exception);
        }
    }

    private static void Check(string sentence, string? file, Dictionary<string, string> variables, string[] arguments)
    {
        Assert.InRange(sentence.Length, 10, LongestSentence);
        Assert.DoesNotContain(sentence, static letter => char.IsControl(letter));
        Assert.DoesNotContain("Exception", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(" at Granary.", sentence, StringComparison.Ordinal);

        // The line, the variable or the option; what does not go together is named by its options.
        Assert.True(
            sentence.Contains("--", StringComparison.Ordinal)
            || (file is not null && sentence.StartsWith("granary.conf, line ", StringComparison.Ordinal))
            || variables.Keys.Any(name => sentence.Contains(name, StringComparison.Ordinal))
            || arguments.SelectMany(static argument => argument.Split('=', 2).Append(argument)).Any(part => sentence.Contains(part.Length == 0 ? "''" : part.TrimStart('@'), StringComparison.Ordinal)),
            $"it does not say where: {sentence}");
    }

    private sealed class Outcomes
    {
        private int _usable, _refused;

        public void Count(bool isUsable) => _ = isUsable ? _usable++ : _refused++;

        /// <summary>Both are among them, or the one was not tried.</summary>
        public void Check(int all)
        {
            Assert.Equal(all, _usable + _refused);
            Assert.InRange(_usable, all / 50, all);
            Assert.InRange(_refused, all / 50, all);
        }
    }
}
