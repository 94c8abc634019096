using Grpc.AspNetCore.Server;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds what mapped services need.</summary>
public static class GrpcServicesExtensions
{
    public static IGrpcServerBuilder AddGrpc(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<GrpcServiceOptions>();
        services.AddLogging();
        services.AddRouting(options => options.ConstraintMap.TryAdd(UnimplementedConstraint.Name, typeof(UnimplementedConstraint)));
        return new GrpcServerBuilder(services);
    }

    public static IGrpcServerBuilder AddGrpc(this IServiceCollection services, Action<GrpcServiceOptions> configureOptions)
    {
        var builder = services.AddGrpc();
        services.Configure(configureOptions);
        return builder;
    }

    private sealed record GrpcServerBuilder(IServiceCollection Services) : IGrpcServerBuilder;
}
