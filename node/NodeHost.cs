using Granary.Core.Figures;
using Granary.Core.Health;
using Granary.Core.Logs;
using Granary.Gateway.Hosting;
using Granary.Gateway.Management.Definitions;
using Granary.Node.Configuration;
using Granary.Node.Memory;
using Granary.Node.Stopping;
using Granary.Node.Tracing;
using Granary.Silo.Access;
using Granary.Silo.Hosting;
using Granary.Silo.Hosting.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Granary.Node;

/// <summary>Runs a node until it is told to stop.</summary>
internal static class NodeHost
{
    public static async Task<int> RunAsync(NodeOptions options, CancellationToken cancellation)
    {
        if (options.Refusal() is { } reason)
        {
            await Console.Error.WriteLineAsync(reason).ConfigureAwait(false);
            return 2;
        }

        if (Listeners.Refusal(options) is { } taken)
        {
            await Console.Error.WriteLineAsync(taken).ConfigureAwait(false);
            return 1;
        }

        await using var app = CreateBuilder(options).Build();
        _ = options.Role == NodeRole.Silo ? app.MapHealth() : app.MapGateway();
        await app.Services.WaitForDatabaseAsync(options.Store, cancellation).ConfigureAwait(false);
        var opened = options.Role == NodeRole.Gateway
            ? StoreHosting.TryPrepareDatabaseAsync(options.Store, options.AdmitsOthers && options.Administrator.Account is null && !options.BringsItsUsers, cancellation)
            : app.Services.TryOpenStoreAsync(options.AdmitsOthers && !options.BringsItsUsers, cancellation);
        if (await opened.ConfigureAwait(false) is { } refused)
        {
            await Console.Error.WriteLineAsync(refused).ConfigureAwait(false);
            return 1;
        }

        if (options.ControlSocket is { } socket)
        {
            // A process that was killed leaves it behind; that there is none any more is known since the store is open.
            File.Delete(socket);
        }

        try
        {
            await app.StartAsync(cancellation).ConfigureAwait(false);
        }
        catch (DefinitionsRefusedException exception)
        {
            // All but the listeners has been started.
            LeftOut.RefuseStart();
            await app.StopAsync(cancellation).ConfigureAwait(false);
            await Console.Error.WriteLineAsync(exception.Message).ConfigureAwait(false);
            return 1;
        }
        catch (Exception exception) when (exception is IOException or MemberRefusedException)
        {
            // A port that was taken since it was looked at, or other members are of another version; the stack trace would hide the reason.
            await Console.Error.WriteLineAsync(exception.Message).ConfigureAwait(false);
            return 1;
        }

        await app.WaitForShutdownAsync(cancellation).ConfigureAwait(false);
        return 0;
    }

    /// <summary>The node before it is built: tests add to it what a node never has.</summary>
    public static WebApplicationBuilder CreateBuilder(NodeOptions options)
    {
        // Nothing in the folder it was started in is read, let alone watched for changes.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = ["--hostBuilder:reloadConfigOnChange=false"],
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(console => console.FormatterName = LineFormatter.FormatterName).AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
        LogThreshold.AddTo(builder.Logging, options.LogLevel);
        builder.Services.AddSingleton<LogRing>();
        builder.Host.UseOrleans(silo =>
        {
            _ = options.Member is { } member ? silo.UseCluster(member) : silo.UseLoneSilo();
            silo.AddSiloHealth();
            silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, SiloStop>();
            if (options.Role != NodeRole.Gateway)
            {
                silo.AddStore(options.Store with { IsInCluster = options.Member is not null }).AddQueuesAndExchanges().AddRehearsal();
                if (options.LocalLinks)
                {
                    silo.AddLocalLinks();
                }
            }
        });
        _ = options.Role == NodeRole.Silo ? builder.AddHealth(options.Gateway) : builder.AddGateway(options.Gateway with { ControlSocket = options.ControlSocket });
        if (options.BringsItsUsers)
        {
            builder.Services.AddSingleton(new FirstAccount(null));
        }
        else if (options.Administrator.Account is { } administrator)
        {
            builder.Services.AddSingleton(new FirstAccount(administrator));
        }

        builder.Services.AddSingleton(options.FirstVhost);
        builder.Services.AddSingleton(options.Settings);
        if (options.Name is { } name)
        {
            builder.Services.AddSingleton(new NodeName(name));
        }

        builder.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<ConfigurationReport>(provider, options.WithoutEffect));
        builder.Services.AddHostedService<MemoryKeeper>();
        if (options.Traces is { } traces && options.Role != NodeRole.Silo)
        {
            builder.Services.AddSingleton(traces);
            builder.Services.AddHostedService<TraceExport>();
        }

        builder.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<StopLimit>(provider, (int code) => End(provider, code)));
        builder.Services.AddSingleton<Drain>();
        builder.Services.AddHealthChecks().AddCheck<Drain>("node", tags: [HealthTags.Ready]);
        builder.Services.AddSingleton<IHostLifetime>(provider => ActivatorUtilities.CreateInstance<DrainedLifetime>(provider, options.Drain));
        return builder;
    }

    private static void End(IServiceProvider services, int code)
    {
        // What was logged is written by then.
        services.GetRequiredService<ILoggerFactory>().Dispose();
        Environment.Exit(code);
    }
}
