using Granary.Node.Configuration;

namespace Granary.Gateway.Tests.Configuration;

/// <summary>What a rabbitmq.conf sets here.</summary>
public sealed class ConfigurationFileTests
{
    private static readonly string[] Settings =
    [
        "amqp-port", "amqp-tls-port", "http-port", "http-tls-port", "metrics-port", "metrics-tls-port", "heartbeat", "handshake-timeout", "cluster-id", "bind", "default-user", "default-pass",
        "memory-watermark", "loopback-users",
    ];

    [Theory]
    [InlineData("listeners.tcp.default = 5672", "amqp-port", "5672")]
    [InlineData("listeners.tcp.1 = 127.0.0.1:5672\nlisteners.tcp.2 = ::1:5672", "amqp-port", "127.0.0.1:5672,::1:5672")]
    [InlineData("listeners.tcp = none", "amqp-port", "none")]
    [InlineData("listeners.ssl.default = 5671", "amqp-tls-port", "5671")]
    [InlineData("ssl_options.versions.1 = tlsv1.3\nssl_options.versions.2 = tlsv1.2", "tls-versions", "tlsv1.3,tlsv1.2")]
    [InlineData("ssl_options.fail_if_no_peer_cert = true", "tls-require-certificate", "true")]
    [InlineData("ssl_handshake_timeout = 2500", "tls-handshake-timeout", "2.5")]
    [InlineData("handshake_timeout = 10000", "handshake-timeout", "10")]
    [InlineData("consumer_timeout = 1800000", "consumer-timeout", "1800")]
    [InlineData("frame_max = 128KB", "frame-max", "131072")]
    [InlineData("max_channels_per_connection = 128", "channel-max", "128")]
    [InlineData("vm_memory_high_watermark.relative = 0.4", "memory-watermark", "0.4")]
    [InlineData("vm_memory_high_watermark.absolute = 1073741824", "memory-watermark", "1073741824B")]
    [InlineData("vm_memory_high_watermark.absolute = 2GB", "memory-watermark", "2000000000B")]
    [InlineData("disk_free_limit.relative = 1.5", "disk-free-limit", "1.5*memory")]
    [InlineData("disk_free_limit.absolute = 1GiB", "disk-free-limit", "1GiB")]
    [InlineData("loopback_users.guest = false", "loopback-users", "")]
    [InlineData("loopback_users.guest = true\nloopback_users.a = true", "loopback-users", "guest,a")]
    [InlineData("loopback_users = none", "loopback-users", "none")]
    [InlineData("log.console.level = debug", "log-level", "debug")]
    [InlineData("management.tcp.port = 8080", "http-port", "8080")]
    [InlineData("management.tcp.ip = 10.0.0.1", "http-port", "10.0.0.1:15672")]
    [InlineData("management.tcp.ip = ::\nmanagement.tcp.port = 8080", "http-port", ":::8080")]
    [InlineData("management.ssl.port = 15671", "http-port", "none")]
    [InlineData("management.ssl.certfile = a.pem", "http-tls-port", "15671")]
    [InlineData("management.ssl.port = 1\nmanagement.tcp.port = 2", "http-port", "2")]
    [InlineData("prometheus.tcp.ip = 127.0.0.1", "metrics-port", "127.0.0.1:15692")]
    [InlineData("prometheus.ssl.port = 15691", "metrics-port", "none")]
    [InlineData("auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nauth_mechanisms.3 = RABBIT-CR-DEMO", "auth-mechanisms", "PLAIN,EXTERNAL")]
    [InlineData("auth_backends.1 = rabbit_auth_backend_oauth2\nauth_backends.2 = ldap\nauth_backends.3 = internal", "auth-backends", "oauth2,internal")]
    [InlineData("ssl_cert_login_from = common_name", "cert-login-from", "common_name")]
    [InlineData("auth_oauth2.signing_keys.k1 = /a.pem\nauth_oauth2.signing_keys.k2 = /b.pem", "oauth-signing-keys", "k1=/a.pem,k2=/b.pem")]
    [InlineData("auth_oauth2.preferred_username_claims.1 = user_name\nauth_oauth2.preferred_username_claims.2 = email", "oauth-username-claims", "user_name,email")]
    [InlineData("auth_oauth2.scope_aliases.admin = broker.tag:administrator broker.read:*/*\nauth_oauth2.scope_aliases.dev = broker.write:*/*", "oauth-scope-aliases", "admin=broker.tag:administrator broker.read:*/*,dev=broker.write:*/*")]
    [InlineData("auth_oauth2.https.cacertfile = ca.pem", "oauth-ca", "ca.pem")]
    [InlineData("definitions.https.url = https://a/d.json\ndefinitions.import_backend = https\ndefinitions.local.path = /d.json", "load-definitions", "https://a/d.json")]
    [InlineData("definitions.https.url = https://a/d.json\ndefinitions.import_backend = local_filesystem\ndefinitions.local.path = /d.json", "load-definitions", "/d.json")]
    [InlineData("definitions.local.path = /d.json\ndefinitions.https.url = https://a/d.json", "load-definitions", "/d.json")]
    [InlineData("definitions.tls.versions.1 = tlsv1.2", "definitions-versions", "tlsv1.2")]
    [InlineData("default_vhost = orders", "default-vhost", "orders")]
    [InlineData("default_permissions.write = ^a", "default-permissions-write", "^a")]
    [InlineData("anonymous_login_user = none", "anonymous-login-user", "none")]
    [InlineData("heartbeat = 10\nheartbeat = 20", "heartbeat", "20")]
    [InlineData("cluster_id = blue", "cluster-id", "blue")]
    public void Key_OfRabbitMqOrOfOurs_IsTheSettingWithItsValueAsHere(string text, string setting, string value)
    {
        var file = Parse(text);

        Assert.Empty(file.Faults);
        Assert.Equal(value, file[setting]?.Text);
    }

    [Theory]
    [InlineData("heartbeet = 1", "; 'heartbeat' is one.")]
    [InlineData("vm_memory_high_watermark.relativ = 1", "; 'vm_memory_high_watermark.relative' is one.")]
    [InlineData("listener.tcp.default = 1", "; 'listeners.tcp.default' is one.")]
    [InlineData("ssl_options.cert_file = 1", "; 'ssl_options.certfile' is one.")]
    [InlineData("cluster-id = 1", "; 'cluster_id' is one.")]
    [InlineData("something.else.entirely = 1", "there is no key 'something.else.entirely'.")]
    public void Key_ThatNobodyKnows_IsAFaultWithTheNearest(string text, string told)
    {
        var fault = Assert.Single(Parse($"\n{text}").Faults);

        Assert.StartsWith("granary.conf, line 2: there is no key", fault, StringComparison.Ordinal);
        Assert.EndsWith(told, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("listeners.tcp = 5672")]
    [InlineData("handshake_timeout = infinity")]
    [InlineData("frame_max = 12 apples")]
    [InlineData("loopback_users.guest = perhaps")]
    [InlineData("vm_memory_high_watermark.absolute = 2 elephants")]
    [InlineData("default_pass = encrypted:abc")]
    public void Value_ThatCannotBe_IsAFaultOfItsLine(string text) =>
        Assert.StartsWith($"granary.conf, line 1: {text[..text.IndexOf(' ', StringComparison.Ordinal)]}", Assert.Single(Parse(text).Faults), StringComparison.Ordinal);

    [Fact]
    public void Key_ThatOnlyRabbitMqDoesSomethingFor_IsToldOf()
    {
        var file = Parse("collect_statistics_interval = 5000\nssl_options.ciphers.1 = X\nqueue_master_locator = min-masters\ntcp_listen_options.backlog = 128\ndeprecated_features.permit.ram_node_type = true");

        Assert.Empty(file.Faults);
        Assert.Equal([1, 2, 3, 4, 5], file.WithoutEffect.Select(line => line.Number));
    }

    [Theory]
    [InlineData("auth_backends.1 = internal")]
    [InlineData("default_vhost = /")]
    [InlineData("default_permissions.read = .*")]
    [InlineData("default_user_tags.administrator = true")]
    public void Key_ThatSaysWhatIsSoAnyhow_IsNotToldOf(string text)
    {
        var file = Parse(text);

        Assert.Empty(file.Faults);
        Assert.Empty(file.WithoutEffect);
    }

    [Fact]
    public void File_ThatIsNotThere_IsAFault() =>
        Assert.Contains("cannot be read", Assert.Single(ConfigurationFile.Read("/nowhere/granary.conf", Settings).Faults), StringComparison.Ordinal);

    private static ConfigurationFile Parse(string text) => ConfigurationFile.Parse("/etc/granary/granary.conf", text, Settings);
}
