using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Health;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Messages;
using Granary.Core.Policies;
using Granary.Core.Routing;
using Granary.Gateway.Access;
using Granary.Gateway.Access.Tokens;
using Granary.Gateway.Alarms;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Counting;
using Granary.Gateway.Figures;
using Granary.Gateway.Grpc;
using Granary.Gateway.Management;
using Granary.Gateway.Management.Definitions;
using Granary.Gateway.Metrics;
using Granary.Gateway.Policies;
using Granary.Gateway.Sockets;
using Granary.Gateway.Topology;
using Granary.Gateway.Tls;
using Granary.Gateway.Tracing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Hosting;

/// <summary>Puts the gateway into a web application.</summary>
public static class GatewayHosting
{
    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder, GatewayOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IMemoryPoolFactory<byte>, BlockPool>();
        services.AddSingleton<DirectTransport>();
        services.AddSingleton<SocketTransportFactory>();
        services.AddSingleton<ClientListeners>();
        services.AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<ClientListeners>());
        services.AddHealthChecks().AddCheck<ClientListeners>("listeners", tags: [HealthTags.Ready]);
        var amqp = new AmqpOptions
        {
            SendTimeout = options.SendTimeout,
            ConsumerTimeout = options.ConsumerTimeout,
            HandshakeTimeout = options.HandshakeTimeout,
            Heartbeat = options.Heartbeat,
            ChannelMax = options.ChannelMax,
            FrameMax = options.FrameMax,
            MaxMessageSize = options.MaxMessageSize,
            ClusterName = options.ClusterName,
        };
        services.AddSingleton(amqp);
        services.AddMemoryAlarm(options);
        services.AddPolicies();
        services.AddClusterName();
        services.AddSingleton<StoredAccess>();
        services.AddSingleton<IAccess>(provider => provider.GetRequiredService<StoredAccess>());
        services.AddHostedService(provider => provider.GetRequiredService<StoredAccess>());
        services.AddLogins(options.Authentication);
        services.AddSingleton(provider => new ClientCounts(
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ClientCounts>>(), provider.GetService<IMembers>()));
        services.AddSingleton(provider => new QueueLimits(provider.GetRequiredService<ClusterFigures>));
        services.AddSingleton<IClientCounts>(provider => provider.GetRequiredService<ClientCounts>());
        services.AddSingleton(MakeReplies);
        services.AddSingleton<IReplyDesk>(provider => provider.GetRequiredService<ReplyRegistry>());
        services.AddSingleton(provider => new Router(
            provider.GetRequiredService<IGrainFactory>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<Router>>(),
            isLocal: KnowsLocal(provider)));
        services.AddHostedService<RouterStop>();
        services.AddSingleton(LargeRecordPool.Shared);
        services.AddSingleton(provider => new UnreadSockets(
            options.SendTimeout, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<UnreadSockets>>()));
        services.AddHostedService(provider => provider.GetRequiredService<UnreadSockets>());
        services.AddSingleton<Firehose>();
        services.AddHostedService(provider => provider.GetRequiredService<Firehose>());
        if (options.Definitions is { } definitions)
        {
            // Before anybody is listened to.
            services.AddHostedService(provider => ActivatorUtilities.CreateInstance<BootImport>(provider, definitions));
        }

        if (options.Tracing is { } tracing)
        {
            services.AddSingleton(new MessageSpans(tracing));
        }

        services.AddSingleton<AmqpServer>();
        services.AddHostedService(provider => provider.GetRequiredService<AmqpServer>());
        services.AddSingleton(provider => provider.GetRequiredService<AmqpServer>().Published);
        services.AddSingleton<IMetricSource>(provider => provider.GetRequiredService<PublishCounts>());
        services.AddGrpcGateway(amqp);
        services.AddManagement();
        services.AddTls(options);
        services.AddManagementApi();
        services.AddSingleton(provider => new Listeners(options, provider.GetRequiredService<IServer>()));
        services.AddSingleton<GatewayFigures>();
        services.AddSingleton<IFigureSource>(provider => provider.GetRequiredService<GatewayFigures>());
        services.AddSingleton<ISampled>(provider => provider.GetRequiredService<GatewayFigures>());
        services.AddSingleton<IHistorySource>(provider => provider.GetRequiredService<GatewayFigures>());
        services.AddSingleton<IConnectionCloser>(provider => provider.GetRequiredService<GatewayFigures>());
        services.AddFigures();
        services.AddSingleton<MetricsPage>();
        services.AddMetrics();
        services.AddSingleton<GatewayMeters>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxResponseBufferSize = 256 * 1024;
            kestrel.Limits.LimitGrpc();
            kestrel.Listen(options);
        });
        return builder;
    }

    /// <summary>Maps what the gateway answers over HTTP.</summary>
    public static WebApplication MapGateway(this WebApplication app)
    {
        // Made once, it shows what is counted; nobody calls it.
        app.Services.GetRequiredService<GatewayMeters>();
        app.UseGrpcBodies();
        app.MapGrpcGateway();
        app.MapManagementApi();
        return app.MapHealth();
    }

    /// <summary>Maps whether the process lives and is ready, and what operators may ask of it.</summary>
    public static WebApplication MapHealth(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapManagement();
        app.MapMetrics();
        app.MapHealthChecks("/health/live", Answering(HealthTags.Live));
        app.MapHealthChecks("/health/ready", Answering(HealthTags.Ready));
        return app;
    }

    /// <summary>Has a process without clients answer for its health, and watch its memory.</summary>
    public static WebApplicationBuilder AddHealth(this WebApplicationBuilder builder, GatewayOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddMemoryAlarm(options);
        builder.Services.AddManagement();
        builder.Services.AddTls(options);
        builder.Services.AddFigures();
        builder.Services.TryAddSingleton(new AmqpOptions { ClusterName = options.ClusterName });
        builder.Services.AddClusterName();
        builder.Services.AddSingleton<MetricsPage>();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenForHttp(options, _ => { }));
        return builder;
    }

    private static void AddClusterName(this IServiceCollection services) =>
        services.AddSingleton(provider => new ClusterName(provider.GetRequiredService<AmqpOptions>(), provider.GetService<PolicyCopy>()));

    private static void AddMemoryAlarm(this IServiceCollection services, GatewayOptions options)
    {
        services.TryAddSingleton<PublisherAlarms>();
        services.AddSingleton(new MemoryLimit(options.MemoryWatermark, options.MemoryLimit));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<MemoryAlarm>(
            provider, LargeRecordPool.Shared, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        services.AddHostedService(provider => provider.GetRequiredService<MemoryAlarm>());
    }

    private static void AddLogins(this IServiceCollection services, AuthenticationOptions options)
    {
        services.AddSingleton(options);
        if (options.Backends.Contains(AuthenticationBackend.Oauth2) && options.Tokens is { } tokens)
        {
            services.AddSingleton(tokens);
            services.AddSingleton(provider => new TokenKeys(tokens, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<TokenKeys>>()));
            services.AddSingleton<TokenVerifier>();
        }

        services.AddSingleton(provider => new Logins(provider.GetRequiredService<IAccess>(), options, provider.GetService<TokenVerifier>()));
    }

    private static void AddTls(this IServiceCollection services, GatewayOptions options)
    {
        services.AddSingleton(provider => new ShownCertificates(
            options.Tls, options.Https ?? options.Tls, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<RenewedTls>>()));
        services.AddHostedService(provider => provider.GetRequiredService<ShownCertificates>());
    }

    /// <summary>A lone node has all queues; of a cluster's, a member has those that are active in it.</summary>
    private static Func<string, string, bool>? KnowsLocal(IServiceProvider services)
    {
        var local = services.GetService<ILocalQueues>();
        return services.GetService<IMembers>() is null ? null : (vhost, queue) => local?.Find(GrainKeys.For(vhost, queue)) is not null;
    }

    private static ReplyRegistry MakeReplies(IServiceProvider services)
    {
        if (services.GetService<IMembers>() is not { } members)
        {
            return new ReplyRegistry();
        }

        var replies = new ReplyRegistry(
            new ReplyRoutes(members, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<ReplyRoutes>>()));
        members.WhenGone(replies.Forget);
        return replies;
    }

    private static HealthCheckOptions Answering(string tag) => new()
    {
        Predicate = check => check.Tags.Contains(tag),
        ResponseWriter = (context, report) => context.Response.WriteAsync(HealthText.Of(tag, report), context.RequestAborted),
    };
}
