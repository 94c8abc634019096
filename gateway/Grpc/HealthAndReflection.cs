using Granary.V1;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Reflection = Grpc.Reflection.V1;
using ReflectionAlpha = Grpc.Reflection.V1Alpha;

namespace Granary.Gateway.Grpc;

/// <summary>Registers and maps the services that tools expect of every gRPC server; neither asks for credentials.</summary>
internal static class HealthAndReflection
{
    private static readonly Google.Protobuf.Reflection.ServiceDescriptor[] OwnServices = [Topology.Descriptor, Messaging.Descriptor, Rpc.Descriptor];

    /// <summary>Beside AddGrpc.</summary>
    public static IServiceCollection AddHealthAndReflection(this IServiceCollection services)
    {
        services.AddSingleton(new HealthStates(OwnServices.Select(service => service.FullName)));
        services.AddSingleton(new DescriptorIndex(
            [.. OwnServices, Health.Descriptor, Reflection.ServerReflection.Descriptor, ReflectionAlpha.ServerReflection.Descriptor]));
        services.AddSingleton<HealthService>();
        services.AddSingleton<ReflectionService>();
        services.AddSingleton<ReflectionAlphaService>();
        return services;
    }

    public static void MapHealthAndReflection(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<HealthService>();
        endpoints.MapGrpcService<ReflectionService>();
        endpoints.MapGrpcService<ReflectionAlphaService>();
    }
}
