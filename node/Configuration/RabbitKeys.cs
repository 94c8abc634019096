using System.Globalization;
using Granary.Gateway.Access;

namespace Granary.Node.Configuration;

/// <summary>What RabbitMQ's keys are here.</summary>
internal static class RabbitKeys
{
    /// <summary>Behind the name of a listener's setting: its address, which RabbitMQ has in a key of its own.</summary>
    public const string Address = "/address";

    /// <summary>Those that have an effect.</summary>
    public static readonly IReadOnlyList<RabbitKey> Effective =
    [
        new("listeners.tcp", "amqp-port", None),
        new("listeners.tcp.*", "amqp-port", Same, Adds: true),
        new("listeners.ssl", "amqp-tls-port", None),
        new("listeners.ssl.*", "amqp-tls-port", Same, Adds: true),
        .. Tls("ssl_options", "tls"),
        new("ssl_handshake_timeout", "tls-handshake-timeout", Milliseconds),
        new("management.tcp.port", "http-port", Same),
        new("management.tcp.ip", "http-port" + Address, Same),
        new("management.listener.port", "http-port", Same),
        new("management.listener.ip", "http-port" + Address, Same),
        new("management.ssl.port", "http-tls-port", Same),
        new("management.ssl.ip", "http-tls-port" + Address, Same),
        .. Tls("management.ssl", "https"),
        new("prometheus.tcp.port", "metrics-port", Same),
        new("prometheus.tcp.ip", "metrics-port" + Address, Same),
        new("prometheus.tcp.listener", "metrics-port", None),
        new("prometheus.ssl.port", "metrics-tls-port", Same),
        new("prometheus.ssl.ip", "metrics-tls-port" + Address, Same),
        .. Tls("prometheus.ssl", "https"),
        new("handshake_timeout", "handshake-timeout", Milliseconds),
        new("consumer_timeout", "consumer-timeout", Milliseconds),
        new("heartbeat", "heartbeat", Same),
        new("frame_max", "frame-max", Bytes),
        new("channel_max", "channel-max", Same),
        new("max_channels_per_connection", "channel-max", Same),
        new("max_message_size", "max-message-size", Same),
        new("vm_memory_high_watermark.relative", "memory-watermark", Same),
        new("vm_memory_high_watermark.absolute", "memory-watermark", Absolute),
        new("disk_free_limit.relative", "disk-free-limit", (value, _) => value + DiskFreeLimit.OfMemory),
        new("disk_free_limit.absolute", "disk-free-limit", Same),
        new("cluster_name", "cluster-name", Same),
        new("auth_mechanisms.*", "auth-mechanisms", Mechanism, Adds: true),
        new("auth_backends.*", "auth-backends", Backend, Adds: true),
        new("ssl_cert_login_from", "cert-login-from", Same),
        new("ssl_cert_login_san_type", "cert-login-san-type", Same),
        new("ssl_cert_login_san_index", "cert-login-san-index", Same),
        new("auth_oauth2.resource_server_id", "oauth-resource-server", Same),
        new("auth_oauth2.issuer", "oauth-issuer", Same),
        new("auth_oauth2.jwks_url", "oauth-jwks-url", Same),
        new("auth_oauth2.jwks_uri", "oauth-jwks-url", Same),
        new("auth_oauth2.signing_keys.*", "oauth-signing-keys", static (value, name) => $"{name}={value}", Adds: true),
        new("auth_oauth2.default_key", "oauth-default-key", Same),
        new("auth_oauth2.scope_prefix", "oauth-scope-prefix", Same),
        new("auth_oauth2.scope_aliases.*", "oauth-scope-aliases", static (value, name) => $"{name}={value}", Adds: true),
        new("auth_oauth2.additional_scopes_key", "oauth-scopes-key", Same),
        new("auth_oauth2.preferred_username_claims.*", "oauth-username-claims", Same, Adds: true),
        new("auth_oauth2.algorithms.*", "oauth-algorithms", Same, Adds: true),
        new("auth_oauth2.verify_aud", "oauth-verify-aud", Same),
        new("auth_oauth2.https.cacertfile", "oauth-ca", Same),
        new("default_user", "default-user", Same),
        new("default_pass", "default-pass", Same),
        new("default_vhost", "default-vhost", Same),
        new("default_permissions.configure", "default-permissions-configure", Same),
        new("default_permissions.read", "default-permissions-read", Same),
        new("default_permissions.write", "default-permissions-write", Same),
        new("anonymous_login_user", "anonymous-login-user", Same),
        new("anonymous_login_pass", "anonymous-login-pass", Same),
        new("loopback_users", "loopback-users", None),
        new("loopback_users.*", "loopback-users", (value, name) => Flag(value) ? name : "", Adds: true),
        new("definitions.local.path", "load-definitions", Same),
        new("definitions.https.url", "load-definitions", Same),
        new("management.load_definitions", "load-definitions", Same),
        new("definitions.tls.cacertfile", "definitions-ca", Same),
        new("definitions.tls.verify", "definitions-verify", Same),
        new("definitions.tls.certfile", "definitions-certificate", Same),
        new("definitions.tls.keyfile", "definitions-key", Same),
        new("definitions.tls.password", "definitions-key-password", Same),
        new("definitions.tls.versions.*", "definitions-versions", Same, Adds: true),
        new("definitions.skip_if_unchanged", "definitions-skip-if-unchanged", Same),
        new("log.console.level", "log-level", Same),
    ];

    /// <summary>Those that say what is so anyhow if their value is this, so that nothing is said of them.</summary>
    private static readonly (string Key, string[] Values)[] Agreeing =
    [
        ("auth_oauth2.https.peer_verification", ["verify_peer"]),
        ("auth_oauth2.https.verify", ["verify_peer"]),
        ("auth_oauth2.require_exp", ["true"]),
        ("default_user_tags.administrator", ["true"]),
        ("password_hashing_module", ["rabbit_password_hashing_sha256"]),
        ("tcp_listen_options.nodelay", ["true"]),
        ("ssl_options.client_renegotiation", ["false"]),
        ("ssl_options.secure_renegotiate", ["true"]),
        ("log.console", ["true"]),
    ];

    private const string DefinitionsBackend = "definitions.import_backend";

    /// <summary>Where definitions are read from, and the key that says of each where exactly: those of the others have no effect.</summary>
    private static readonly Dictionary<string, string> DefinitionsBackends = new(StringComparer.Ordinal)
    {
        ["local_filesystem"] = "definitions.local.path",
        ["local"] = "definitions.local.path",
        ["rabbit_definitions_import_local_filesystem"] = "definitions.local.path",
        ["rabbitmq_definitions_import_local_filesystem"] = "definitions.local.path",
        ["https"] = "definitions.https.url",
        ["http"] = "definitions.https.url",
        ["rabbit_definitions_import_https"] = "definitions.https.url",
        ["rabbitmq_definitions_import_http"] = "definitions.https.url",
    };

    /// <summary>Whether a line has an effect beside the others.</summary>
    public static bool Counts(ConfigurationLine line, IEnumerable<ConfigurationLine> all)
    {
        if (line.Key is not ("definitions.local.path" or "definitions.https.url"))
        {
            return true;
        }

        var backend = all.LastOrDefault(static one => one.Key == DefinitionsBackend).Value ?? "local_filesystem";
        return DefinitionsBackends.GetValueOrDefault(backend) == line.Key;
    }

    public static bool Agrees(ConfigurationLine line) =>
        (line.Key == DefinitionsBackend && DefinitionsBackends.ContainsKey(line.Value)) || Array.Exists(Agreeing, agreeing => agreeing.Key == line.Key && agreeing.Values.Contains(line.Value));

    private static RabbitKey[] Tls(string prefix, string setting) =>
    [
        new($"{prefix}.certfile", $"{setting}-certificate", Same),
        new($"{prefix}.keyfile", $"{setting}-key", Same),
        new($"{prefix}.cacertfile", $"{setting}-ca", Same),
        new($"{prefix}.password", $"{setting}-key-password", Same),
        new($"{prefix}.verify", $"{setting}-verify", Same),
        new($"{prefix}.fail_if_no_peer_cert", $"{setting}-require-certificate", Same),
        new($"{prefix}.depth", $"{setting}-depth", Same),
        new($"{prefix}.versions.*", $"{setting}-versions", Same, Adds: true),
    ];

    private static string Same(string value, string name) => value;

    private static string? Mechanism(string value, string name) => AuthenticationOptions.KnownMechanisms.Contains(value) ? value : null;

    private static string? Backend(string value, string name) => value switch
    {
        "internal" or "rabbit_auth_backend_internal" => "internal",
        "oauth2" or "rabbit_auth_backend_oauth2" => "oauth2",
        _ => null,
    };

    private static string None(string value, string name) => value == "none" ? value : throw new FormatException($"'{value}' is not none, and a name is missing behind the key");

    private static string Milliseconds(string value, string name) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
        ? (milliseconds / 1000m).ToString(CultureInfo.InvariantCulture)
        : throw new FormatException($"'{value}' is not a number of milliseconds");

    private static bool Flag(string value) => bool.TryParse(value, out var flag) ? flag : throw new FormatException($"'{value}' is not true or false");

    // A number alone would be a share.
    private static string Absolute(string value, string name) => $"{ByteSize.Parse(value)}B";

    // Where RabbitMQ's configuration library reads sizes, and not RabbitMQ itself, kB is 1,024.
    private static string Bytes(string value, string name)
    {
        var digits = value.TrimEnd('k', 'K', 'm', 'M', 'g', 'G', 'b', 'B');
        var shift = value[digits.Length..].ToLowerInvariant() switch
        {
            "" => 0,
            "kb" => 10,
            "mb" => 20,
            "gb" => 30,
            _ => throw new FormatException($"'{value}' is not a size such as 131072 or 128KB"),
        };
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? ((long)number << shift).ToString(CultureInfo.InvariantCulture)
            : throw new FormatException($"'{value}' is not a size such as 131072 or 128KB");
    }
}
