using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Hosting;
using Granary.Silo.Hosting;
using Granary.Silo.Hosting.Cluster.Certificates;

namespace Granary.Node;

/// <summary>The command line: each <c>--x-y</c> is also the environment variable <c>GRANARY_X_Y</c>; the command line wins.</summary>
internal static class NodeCommand
{
    public static RootCommand Create()
    {
        var amqpPort = Listen("--amqp-port", 5672, "AMQP 0-9-1");
        var grpcPort = Listen("--grpc-port", 50051, "gRPC");
        var httpPort = Listen("--http-port", 15672, "management and health");
        var metricsPort = Listen("--metrics-port", 15692, "metrics");
        var tls = new TlsSettings();
        var proxyPort = Of<int?>("--proxy-port", null, "A port for AMQP 0-9-1 behind a header of the PROXY protocol; none unless told, 0 picks a free one.", text => ParsePort(text));
        var proxyNetworks = Of<ProxyNetworks?>("--proxy-networks", null, "The networks and addresses of the proxies that --proxy-port is for, with commas between them.", ProxyNetworks.Parse);
        var bind = Of("--bind", IPAddress.Loopback, "The address to listen on.", ParseAddress);
        var sendTimeout = Of(
            "--send-timeout", TimeSpan.FromSeconds(30), "How many seconds a client may leave what it is sent untouched before its connection is cut; 0 is for ever.", ParseSeconds);
        var consumerTimeout = Of(
            "--consumer-timeout", TimeSpan.FromMinutes(30), "How many seconds a delivery may stay unacknowledged before its channel is closed; 0 is for ever.", ParseSeconds);
        var drainTime = Of<TimeSpan?>(
            "--drain-time", null,
            $"How many seconds clients are served after a signal to stop, while the process says that it is not ready; 0 unless told, {NodeOptions.DrainOfGateway.TotalSeconds} for a gateway alone.",
            text => ParseSeconds(text) is { TotalDays: <= 1 } time ? time : throw new FormatException("more than a day"));
        var memoryWatermark = Of("--memory-watermark", 0.6, "The share of its memory that the process may use before publishers are held.", ParseShare);
        var data = Of("--data", new DirectoryInfo("data"), "The folder for the node's files.", text => new DirectoryInfo(text));
        var role = Of("--role", NodeRole.Both, "What this process is: both, silo or gateway.", Enum<NodeRole>);
        var store = Of("--store", StoreKind.Files, "Where messages and definitions are kept: files, postgres or memory, which forgets with the process.", Enum<StoreKind>);
        var connection = Of<string?>("--connection", null, "The connection string of --store postgres.", text => text);
        var repair = Of("--repair", false, "Go on without records of the store that are damaged, and say how many those are.", ParseFlag);
        repair.Arity = ArgumentArity.ZeroOrOne;
        var localLinks = Of("--local-links", true, "Whether connections reach the queues of their own process without calls of the runtime: false is slower, and for tests.", ParseFlag);
        var clusterId = Of<string?>("--cluster-id", null, "The cluster that this process is a member of, with --store postgres. A silo or a gateway alone is in 'granary' unless told.", text => text);
        var siloPort = Port("--silo-port", 11111, "other members of the cluster");
        var advertise = Of<IPAddress?>("--advertise", null, "The address at which other members of the cluster reach this one; the one of --bind unless told.", ParseAddress);
        var insecureCluster = Of("--insecure-cluster", false, "Whoever reaches the silo's port may join the cluster, and run code in it.", ParseFlag);
        insecureCluster.Arity = ArgumentArity.ZeroOrOne;
        var siloCertificate = Of<string?>("--silo-certificate", null, "A file in PEM: the certificate that other members of the cluster know this one by.", text => text);
        var siloKey = Of<string?>("--silo-key", null, "A file in PEM: the private key of --silo-certificate.", text => text);
        var siloCa = Of<string?>("--silo-ca", null, "A file in PEM: the certificate of the CA that signs for the cluster's members.", text => text);
        var siloName = Of("--silo-name", CertificateFiles.StandardName, "The DNS name that the certificate of each of the cluster's members is for.", text => text);

        var defaultUser = Of<string?>("--default-user", null, "The first administrator of a new store, who may log in from everywhere. guest, over loopback only, unless told.", text => text);
        var defaultPassFile = Of<string?>("--default-pass-file", null, "A file with the password of --default-user; GRANARY_DEFAULT_PASS is the password itself.", text => text);

        var command = new RootCommand("Granary, a message broker that speaks AMQP 0-9-1 as RabbitMQ does, and gRPC.")
        {
            amqpPort, proxyPort, proxyNetworks, grpcPort, httpPort, metricsPort, bind, sendTimeout, consumerTimeout, drainTime, memoryWatermark, data, role, store, connection, repair, localLinks, clusterId, siloPort, advertise, insecureCluster,
            siloCertificate, siloKey, siloCa, siloName, defaultUser, defaultPassFile,
        };
        foreach (var option in tls.Options)
        {
            command.Add(option);
        }

        command.SetAction((result, cancellation) => NodeHost.RunAsync(
            Drained(result.GetValue(drainTime), new NodeOptions(
                result.GetValue(role),
                result.GetValue(localLinks),
                new StoreOptions(result.GetValue(store), result.GetValue(data), result.GetValue(connection), result.GetValue(repair)),
                tls.AddTo(result, new GatewayOptions
                {
                    Bind = result.GetValue(bind)!,
                    Amqp = result.GetValue(amqpPort)!,
                    ProxyPort = result.GetValue(proxyPort),
                    ProxyNetworks = result.GetValue(proxyNetworks),
                    Grpc = result.GetValue(grpcPort)!,
                    Http = result.GetValue(httpPort)!,
                    Metrics = result.GetValue(metricsPort)!,
                    SendTimeout = result.GetValue(sendTimeout),
                    ConsumerTimeout = result.GetValue(consumerTimeout),
                    MemoryWatermark = result.GetValue(memoryWatermark),
                }),
                new ClusterSettings(
                    result.GetValue(clusterId),
                    result.GetValue(siloPort),
                    result.GetValue(advertise),
                    result.GetValue(insecureCluster),
                    new CertificateSettings(result.GetValue(siloCertificate), result.GetValue(siloKey), result.GetValue(siloCa), result.GetValue(siloName)!)))
            {
                Administrator = new AdministratorSettings(
                    result.GetValue(defaultUser), Environment.GetEnvironmentVariable("GRANARY_DEFAULT_PASS"), result.GetValue(defaultPassFile)),
            }),
            cancellation));
        return command;
    }

    /// <summary>The environment variable that is the same as an option.</summary>
    public static string VariableOf(string option) => $"GRANARY_{option[2..].Replace('-', '_').ToUpperInvariant()}";

    private static NodeOptions Drained(TimeSpan? time, NodeOptions options) => time is { } told ? options with { Drain = told } : options;

    private static Option<ListenPoints> Listen(string name, int standard, string what) =>
        Of(name, ListenPoints.At(standard), $"The port for {what}; 0 picks a free one, none listens nowhere. An address before it, as in 127.0.0.1:{standard}, or several with commas.", ListenPoints.Parse);

    private static Option<int> Port(string name, int standard, string what) => Of(name, standard, $"The port for {what}; 0 picks a free one.", ParsePort);

    private static int ParsePort(string text) => ushort.TryParse(text, out var port) ? port : throw new FormatException($"'{text}' is not a port: 0 to 65535");

    private static IPAddress ParseAddress(string text) =>
        IPAddress.TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not an IP address");

    internal static TimeSpan ParseSeconds(string text) =>
        uint.TryParse(text, out var seconds) ? TimeSpan.FromSeconds(seconds) : throw new FormatException($"'{text}' is not a number of seconds");

    private static double ParseShare(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var share) && share is > 0 and <= 1
            ? share
            : throw new FormatException($"'{text}' is not a share such as 0.6");

    internal static bool ParseFlag(string text) => bool.TryParse(text, out var value) ? value : throw new FormatException($"'{text}' is not true or false");

    private static T Enum<T>(string text)
        where T : struct, Enum =>
        System.Enum.TryParse<T>(text, ignoreCase: true, out var value) && System.Enum.IsDefined(value) && !int.TryParse(text, out _)
            ? value
            : throw new FormatException($"'{text}' is not one of {string.Join(", ", System.Enum.GetNames<T>()).ToLowerInvariant()}");

    internal static Option<T> Of<T>(string name, T standard, string description, Func<string, T> parse)
    {
        var variable = VariableOf(name);
        return new Option<T>(name)
        {
            Description = $"{description} [{variable}]",
            CustomParser = result => result.Tokens.Count == 0 ? Parse(result, "true", name, parse) : Parse(result, result.Tokens[0].Value, name, parse),
            DefaultValueFactory = result =>
                Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? Parse(result, text, variable, parse) : standard,
        };
    }

    private static T Parse<T>(ArgumentResult result, string text, string origin, Func<string, T> parse)
    {
        try
        {
            return parse(text);
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            result.AddError($"{origin}: {exception.Message}");
            return default!;
        }
    }
}
