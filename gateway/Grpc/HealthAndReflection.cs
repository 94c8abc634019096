using Granary.Core.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Granary.Gateway.Grpc;

/// <summary>Registers and maps the services that tools expect of every gRPC server; neither asks for credentials.</summary>
internal static class HealthAndReflection
{
    /// <summary>As in protos/. Asking the generated code for them would build the descriptors of all messages at every start: 2 MiB for nothing.</summary>
    internal static readonly string[] OwnServices = ["granary.v1.Topology", "granary.v1.Messaging", "granary.v1.Rpc"];

    /// <summary>Beside AddGrpc. Every service is as healthy as the health checks of the process that are tagged <see cref="HealthTags.Ready"/>.</summary>
    public static IHealthChecksBuilder AddHealthAndReflection(this IServiceCollection services)
    {
        services.AddGrpcReflection();
        return services.AddGrpcHealthChecks(health =>
        {
            health.Services.Clear();
            foreach (var service in OwnServices.Append(""))
            {
                health.Services.Map(service, static check => check.Tags.Contains(HealthTags.Ready));
            }
        });
    }

    public static void MapHealthAndReflection(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcHealthChecksService();
        endpoints.MapGrpcReflectionService().Add(endpoint => endpoint.RequestDelegate = EndAtStop(endpoint.RequestDelegate!));
    }

    /// <summary>The reflection service reads its stream until the client ends it: without this, a tool that keeps one open holds up the stop of the process.</summary>
    private static RequestDelegate EndAtStop(RequestDelegate serve) => async context =>
    {
        var lifetime = context.RequestServices.GetRequiredService<IHostApplicationLifetime>();
        using var stop = lifetime.ApplicationStopping.UnsafeRegister(static request => ((HttpContext)request!).Abort(), context);
        await serve(context).ConfigureAwait(false);
    };
}
