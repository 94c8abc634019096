using System.CommandLine;
using System.Net;
using Granary.Node;
using Granary.Node.Configuration;
using Granary.Silo.Access;

namespace Granary.Gateway.Tests.Configuration;

/// <summary>Which of the places that say something wins, and what becomes of it.</summary>
public sealed class NodeCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("granary-settings-").FullName;
    private readonly Dictionary<string, string> _environment = [];

    [Fact]
    public void Setting_GivenInSeveralPlaces_IsTheCommandLinesThenTheEnvironmentsThenTheFiles()
    {
        Write("heartbeat = 10\nchannel_max = 20\nframe_max = 16384");
        _environment["GRANARY_HEARTBEAT"] = "11";
        _environment["GRANARY_CHANNEL_MAX"] = "21";
        var options = Run("--heartbeat", "12");

        Assert.Equal((TimeSpan.FromSeconds(12), (ushort)21, 16384), (options.Gateway.Heartbeat, options.Gateway.ChannelMax, options.Gateway.FrameMax));
        Assert.Equal(("12", "command line"), Effective(options, "heartbeat"));
        Assert.Equal(("21", "environment GRANARY_CHANNEL_MAX"), Effective(options, "channel-max"));
        Assert.Equal(("16384", "granary.conf, line 3: frame_max"), Effective(options, "frame-max"));
        Assert.Equal(("16777216", "default"), Effective(options, "max-message-size"));
        Assert.Equal(Path.Combine(_folder, "granary.conf"), options.Settings.File);
    }

    [Fact]
    public void Variables_OfRabbitMq_AreUnderstood()
    {
        _environment["RABBITMQ_DEFAULT_USER"] = "boss";
        _environment["RABBITMQ_DEFAULT_PASS"] = "secret";
        _environment["RABBITMQ_DEFAULT_VHOST"] = "orders";
        _environment["RABBITMQ_NODENAME"] = "rabbit@here";
        _environment["RABBITMQ_NODE_PORT"] = "5673";
        var options = Run();

        Assert.Equal("boss", options.Administrator.Account?.Name);
        Assert.Equal(new FirstVhost("orders"), options.FirstVhost);
        Assert.Equal("rabbit@here", options.Name);
        Assert.Equal(5673, Assert.Single(options.Gateway.Amqp).Port);
        Assert.Equal(("(set)", "environment RABBITMQ_DEFAULT_PASS"), Effective(options, "default-pass"));
    }

    [Fact]
    public void Secrets_AreNotShownAndMayBeInFiles()
    {
        File.WriteAllText(PathOf("connection"), "Host=db;Password=secret\n");
        File.WriteAllText(PathOf("user"), "boss\n");
        File.WriteAllText(PathOf("password"), "pass word\n");
        _environment["GRANARY_CONNECTION_FILE"] = PathOf("connection");
        _environment["RABBITMQ_DEFAULT_USER_FILE"] = PathOf("user");
        _environment["RABBITMQ_DEFAULT_PASS_FILE"] = PathOf("password");
        var options = Run();

        Assert.Equal("Host=db;Password=secret", options.Store.Connection);
        Assert.Equal("boss", options.Administrator.Account?.Name);
        Assert.Equal(("(set)", "environment GRANARY_CONNECTION_FILE"), Effective(options, "connection"));
        Assert.All(options.Settings.All, setting => Assert.DoesNotContain("secret", setting.Value, StringComparison.Ordinal));
    }

    [Fact]
    public void File_OfASecretThatIsNotThere_IsRefused()
    {
        _environment["GRANARY_CONNECTION_FILE"] = "/nowhere/connection";

        Assert.StartsWith("GRANARY_CONNECTION_FILE: ", Run().Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Password_OfTheFile_GivesWayToTheOneThatTheEnvironmentNames()
    {
        Write("default_user = boss\ndefault_pass = from the file");
        Assert.Null(Run().Administrator.Refusal);

        File.WriteAllText(PathOf("password"), "pass word\n");
        _environment["GRANARY_DEFAULT_PASS_FILE"] = PathOf("password");
        Assert.Null(Run().Administrator.Refusal);

        _environment["GRANARY_DEFAULT_PASS"] = "both";
        Assert.NotNull(Run().Administrator.Refusal);
    }

    [Theory]
    [InlineData("loopback_users = none", "guest", false)]
    [InlineData("loopback_users.guest = false", "guest", false)]
    [InlineData("default_user = boss\ndefault_pass = x", "boss", false)]
    [InlineData("default_user = guest\ndefault_pass = x", "guest", true)]
    [InlineData("default_user = boss\ndefault_pass = x\nloopback_users.boss = true", "boss", true)]
    public void User_OfANewStore_MayLogInFromWhereLoopbackUsersSays(string text, string name, bool isForLoopback)
    {
        Write(text);
        var account = Run().Administrator.Account;

        Assert.Equal((name, isForLoopback), (account?.Name, account?.IsForLoopback));
    }

    [Fact]
    public void Limits_OfARabbitMqConf_AreThoseOfTheNode()
    {
        Write("""
            listeners.tcp.1 = 127.0.0.1:5672
            listeners.tcp.2 = 0.0.0.0:5673
            listeners.ssl = none
            vm_memory_high_watermark.absolute = 2GB
            disk_free_limit.absolute = 1GB
            max_message_size = 134217728
            handshake_timeout = 2500
            heartbeat = 0
            channel_max = 0
            cluster_name = blue
            """);
        var options = Run();

        Assert.Equal([new IPEndPoint(IPAddress.Loopback, 5672), new IPEndPoint(IPAddress.Any, 5673)], options.Gateway.Amqp.Select(point => point.At(options.Gateway.Bind)));
        Assert.Empty(options.Gateway.AmqpTls);
        Assert.Equal((2_000_000_000L, 1_000_000_000L), (options.Gateway.MemoryLimit, options.Store.DiskFreeLimit));
        Assert.Equal((134217728, TimeSpan.FromSeconds(2.5), TimeSpan.Zero), (options.Gateway.MaxMessageSize, options.Gateway.HandshakeTimeout, options.Gateway.Heartbeat));
        Assert.Equal((ushort.MaxValue, "blue"), (options.Gateway.ChannelMax, options.Gateway.ClusterName));
        Assert.True(options.AdmitsOthers);
    }

    [Fact]
    public void Tls_OfRabbitMqsManagement_IsNotThatOfAmqp()
    {
        Write("""
            ssl_options.certfile = a.pem
            ssl_options.keyfile = a.key
            ssl_options.cacertfile = ca.pem
            ssl_options.verify = verify_peer
            ssl_options.fail_if_no_peer_cert = true
            management.ssl.certfile = b.pem
            management.ssl.keyfile = b.key
            """);
        var gateway = Run().Gateway;

        Assert.Equal(("a.pem", true, true), (gateway.Tls!.Certificate, gateway.Tls.VerifiesPeers, gateway.Tls.RequiresPeerCertificate));
        Assert.Equal(("b.pem", false, false), (gateway.Https!.Certificate, gateway.Https.VerifiesPeers, gateway.Https.RequiresPeerCertificate));
        Assert.Equal((5671, 15671), (Assert.Single(gateway.AmqpTls).Port, Assert.Single(gateway.HttpTls).Port));
        Assert.Empty(gateway.Http);
    }

    [Theory]
    [InlineData("heartbeat = 100000", "granary.conf, line 1: heartbeat: '100000' is not a number from 0 to 65535")]
    [InlineData("listeners.tcp.x = 1.2.3:5", "granary.conf, line 1: listeners.tcp.x: ")]
    [InlineData("max_message_size = 1073741824", "granary.conf, line 1: max_message_size: 1073741824 bytes are not from 1 to 536870912")]
    [InlineData("vm_memory_high_watermark.relative = 1.5", "granary.conf, line 1: vm_memory_high_watermark.relative: '1.5' is not a share")]
    public void Value_OfTheFile_ThatCannotBe_IsAnErrorWithItsLine(string text, string error)
    {
        Write(text);

        Assert.StartsWith(error, Assert.Single(Parse().Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Value_OfTheFile_ThatTheCommandLineReplaces_IsNotLookedAt()
    {
        Write("heartbeat = 100000");

        Assert.Empty(Parse("--heartbeat", "1").Errors);
    }

    [Fact]
    public void File_IsWhereTheCommandLineElseTheEnvironmentElseTheDataFolderSays()
    {
        string Find(params string[] arguments) => ConfigurationPath.Find(arguments, Variable) ?? "";
        Assert.Equal("", Find("--data", _folder));

        Write("");
        Assert.Equal(PathOf("granary.conf"), Find("--data", _folder));
        Assert.Equal(PathOf("granary.conf"), Find($"--data={_folder}"));

        _environment["RABBITMQ_CONFIG_FILE"] = "/etc/rabbitmq/rabbitmq";
        Assert.Equal("/etc/rabbitmq/rabbitmq.conf", Find("--data", _folder));

        _environment["GRANARY_CONFIG"] = "/etc/granary.conf";
        Assert.Equal("/etc/granary.conf", Find("--data", _folder));
        Assert.Equal("/other.conf", Find("--config", "/other.conf"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static (string Value, string Origin) Effective(NodeOptions options, string name)
    {
        var setting = Assert.Single(options.Settings.All, setting => setting.Name == name);
        return (setting.Value, setting.Origin);
    }

    private NodeOptions Run(params string[] arguments)
    {
        NodeOptions? run = null;
        var parsed = Parse(arguments, options => run = options);
        Assert.Empty(parsed.Errors);
        Assert.Equal(0, parsed.Invoke());
        return run!;
    }

    private ParseResult Parse(params string[] arguments) => Parse(arguments, _ => { });

    private ParseResult Parse(string[] arguments, Action<NodeOptions> run)
    {
        var settings = new Settings(Variable);
        var command = NodeCommand.Create(settings, (options, _) =>
        {
            run(options);
            return Task.FromResult(0);
        });
        if (File.Exists(PathOf("granary.conf")))
        {
            settings.Read(PathOf("granary.conf"));
            Assert.Empty(settings.File.Faults);
        }

        return command.Parse(arguments);
    }

    private string? Variable(string name) => _environment.GetValueOrDefault(name);

    private void Write(string text) => File.WriteAllText(PathOf("granary.conf"), text);

    private string PathOf(string file) => Path.Combine(_folder, file);
}
