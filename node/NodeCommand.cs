using System.CommandLine;
using System.CommandLine.Invocation;
using Granary.Gateway.Hosting;
using Granary.Node.Configuration;
using Granary.Node.Options;
using Microsoft.Extensions.Logging;

namespace Granary.Node;

/// <summary>The command line: each <c>--x-y</c> is also the environment variable <c>GRANARY_X_Y</c> and the key <c>x_y</c> of the configuration file, the first of which wins.</summary>
internal static class NodeCommand
{
    /// <summary>Runs what the arguments ask for.</summary>
    public static async Task<int> RunAsync(string[] arguments, Func<string, string?> environment)
    {
        var settings = new Settings(environment);
        var command = Create(settings, NodeHost.RunAsync);
        if (ConfigurationPath.Find(arguments, environment) is { } path)
        {
            settings.Read(path);
        }

        if (settings.File.Faults is { Count: > 0 } faults)
        {
            foreach (var fault in faults)
            {
                await Console.Error.WriteLineAsync(fault).ConfigureAwait(false);
            }

            return 1;
        }

        // The host handles SIGTERM itself and tells the clients: the command line must not end the process under it.
        var parsed = command.Parse(arguments);
        if (parsed.Action is ParseErrorAction wrong)
        {
            // What is wrong would be far above a hundred options.
            wrong.ShowHelp = false;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }).ConfigureAwait(false);
    }

    /// <param name="run">What is done with the options.</param>
    public static RootCommand Create(Settings settings, Func<NodeOptions, CancellationToken, Task<int>> run)
    {
        var listeners = new ListenerGroup(settings);
        var limits = new LimitGroup(settings);
        var authentication = new AuthenticationGroup(settings);
        var drainTime = settings.Of<TimeSpan?>(
            "--drain-time", null,
            $"How many seconds clients are served after a signal to stop, while the process says that it is not ready; 0 unless told, {NodeOptions.DrainOfGateway.TotalSeconds} for a gateway alone.",
            text => SettingText.Seconds(text) is { TotalDays: <= 1 } time ? time : throw new FormatException("more than a day"));
        var role = settings.Of("--role", NodeRole.Both, "What this process is: both, silo or gateway.", SettingText.OneOf<NodeRole>);
        var name = settings.Of<string?>("--node-name", null, "What tools of RabbitMQ call this node; rabbit@ and the short name of the machine unless told.", SettingText.NodeName, "RABBITMQ_NODENAME");
        var store = new StoreGroup(settings);
        var localLinks = settings.Of(
            "--local-links", true, "Whether connections reach the queues of their own process without calls of the runtime: false is slower, and for tests.", SettingText.Flag);
        var cluster = new ClusterGroup(settings);
        var users = new UserGroup(settings);
        var definitions = new DefinitionsGroup(settings);
        var traces = new TraceGroup(settings);
        var logLevel = settings.Of("--log-level", LogLevel.Information, "From which level on Granary's events are told: debug, info, warning, error, critical or none.", SettingText.Level);

        var command = new RootCommand("Granary, a message broker that speaks AMQP 0-9-1 as RabbitMQ does, and gRPC.")
        {
            new Option<string>("--config")
            {
                Description = $"The configuration file, in the format of rabbitmq.conf; {ConfigurationFile.StandardName} in the data folder unless told. [GRANARY_CONFIG, RABBITMQ_CONFIG_FILE]",
            },
        };
        foreach (var option in settings.Options)
        {
            command.Add(option);
        }

        command.SetAction((result, cancellation) =>
        {
            var gateway = traces.AddTo(limits.AddTo(listeners.AddTo(new GatewayOptions { Authentication = authentication.Read(result), Definitions = definitions.Read(result) }, result), result), result);
            var options = new NodeOptions(
                result.GetValue(role), result.GetValue(localLinks), limits.AddTo(store.Read(result), result), gateway, cluster.Read(result))
            {
                Name = result.GetValue(name),
                Administrator = users.Read(result),
                FirstVhost = users.ReadVhost(result),
                LogLevel = result.GetValue(logLevel),
                Traces = traces.Read(result),
                WithoutEffect = settings.File.WithoutEffect,
                Unreadable = settings.Refusal,
            };
            return run(options with { Drain = result.GetValue(drainTime) ?? options.Drain, Settings = settings.Effective }, cancellation);
        });
        return command;
    }
}
