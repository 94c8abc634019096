using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grpc.AspNetCore.Server;

/// <summary>What the endpoints of one service share.</summary>
internal sealed class ServiceEndpointEnvironment(IServiceProvider services, Type serviceType)
{
    private readonly ObjectFactory _create = ActivatorUtilities.CreateFactory(serviceType, Type.EmptyTypes);

    public GrpcServiceOptions Options { get; } = services.GetRequiredService<IOptions<GrpcServiceOptions>>().Value;

    public ILogger Logger { get; } = services.GetRequiredService<ILoggerFactory>().CreateLogger(serviceType);

    /// <summary>The second value says that the service was made for this call, and ends with it.</summary>
    public (object Service, bool Owned) Resolve(IServiceProvider requestServices)
        => requestServices.GetService(serviceType) is { } registered ? (registered, false) : (_create(requestServices, null), true);
}
