using Granary.Gateway.Amqp;
using Granary.Gateway.Figures;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Topology;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Gateway.Grpc;

/// <summary>Registers and maps what the gateway answers over gRPC.</summary>
internal static class GrpcHosting
{
    // Beside a body of the largest size a message has names and properties; its headers have 4 MiB at most.
    private const int RoomBesideBody = 8 * 1024 * 1024;

    // One per consumer or publisher stream of a client.
    public const int StreamsPerConnection = 1000;

    // How soon who watches the health service hears of a change; who asks is told at once.
    private static readonly TimeSpan HealthLooks = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    public static IServiceCollection AddGrpcGateway(this IServiceCollection services, AmqpOptions limits)
    {
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = limits.MaxMessageSize + RoomBesideBody;
            grpc.MaxSendMessageSize = null;
        });
        services.AddHealthAndReflection();
        services.Configure<HealthCheckPublisherOptions>(watched => (watched.Delay, watched.Period) = (HealthLooks, HealthLooks));
        services.AddSingleton<GrpcConnections>();
        services.AddSingleton<GrpcServer>();
        services.AddHostedService(provider => provider.GetRequiredService<GrpcServer>());
        services.AddSingleton<CallRunner>();
        services.AddSingleton<TopologyService>();
        services.AddSingleton<MessageMove>();
        services.AddSingleton<MessagingService>();
        services.AddSingleton<RpcService>();
        return services;
    }

    /// <summary>Clients may read as slowly as they like, but for those that read nothing; one that vanished is found out by pings.</summary>
    public static void LimitGrpc(this KestrelServerLimits limits)
    {
        limits.MinResponseDataRate = null;
        limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;
        limits.Http2.KeepAlivePingDelay = PingAfter;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;
    }

    /// <summary>At ports for gRPC requests may come as slowly as they like, and streams be idle: at those that have another role they may not (the server's own limit).</summary>
    public static void UseGrpcBodies(this IApplicationBuilder app) => app.Use(static next => context =>
    {
        if (context.Features.Get<PortRole>() is null)
        {
            context.Features.Set<IRequestBodyPipeFeature>(new CheckedBody(context.Request.BodyReader));
            if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } body)
            {
                body.MinDataRate = null;
            }
        }

        return context.Features.Get<GrpcConnection>() is { } connection && connection.Pages.Of(context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName) is { } turns ? InTurnAsync(context, next, turns) : next(context);
    });

    // From the call to the last of its answer that the connection takes: else it would be sent, and held until then, when the turn is over.
    private static async Task InTurnAsync(HttpContext context, RequestDelegate next, SemaphoreSlim turns)
    {
        try
        {
            await turns.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The client has left, and nobody is to be answered.
            return;
        }

        try
        {
            await next(context).ConfigureAwait(false);
            if (context.Response.BodyWriter is { CanGetUnflushedBytes: true, UnflushedBytes: > 0 } answer)
            {
                await answer.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // It has left while it was answered.
        }
        finally
        {
            turns.Release();
        }
    }

    public static void MapGrpcGateway(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthAndReflection();
        endpoints.MapGrpcService<TopologyService>();
        endpoints.MapGrpcService<MessagingService>();
        endpoints.MapGrpcService<RpcService>();
    }
}
