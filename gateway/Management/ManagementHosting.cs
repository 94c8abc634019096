using Granary.Gateway.Access;
using Granary.Gateway.Grpc;
using Granary.Gateway.Management.Access;
using Granary.Gateway.Management.Clients;
using Granary.Gateway.Management.Definitions;
using Granary.Gateway.Management.Exchanges;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;
using Granary.Gateway.Management.Nodes;
using Granary.Gateway.Management.Page;
using Granary.Gateway.Management.Policies;
using Granary.Gateway.Management.Queues;
using Granary.Gateway.Policies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management;

/// <summary>Puts the management API into a web application.</summary>
internal static class ManagementHosting
{
    /// <summary>What every process answers.</summary>
    public static IServiceCollection AddManagement(this IServiceCollection services) => services.AddSingleton<RebalanceEndpoint>();

    /// <summary>What a process with clients answers beside that.</summary>
    public static IServiceCollection AddManagementApi(this IServiceCollection services) => services
        .AddSingleton<AccessCalls>()
        .AddSingleton<PageSessions>()
        .AddSingleton<PageFiles>()
        .AddSingleton<PolicyCalls>()
        .AddSingleton<ParameterRules>()
        .AddSingleton<ClientService>()
        .AddSingleton<ApiLogin>()
        .AddSingleton<RefusedLogins>()
        .AddSingleton<ApiOperations>()
        .AddSingleton<VhostNames>()
        .AddSingleton<HistoryReader>()
        .AddSingleton<MessageReader>()
        .AddSingleton<MessagePost>()
        .AddSingleton<DefinitionsExport>()
        .AddSingleton<DefinitionsImport>()
        .AddSingleton<IResource, OverviewResource>()
        .AddSingleton<IResource, NodeResources>()
        .AddSingleton<IResource, AlarmResources>()
        .AddSingleton<IResource, NodeControlResources>()
        .AddSingleton<IResource, FeatureFlagResources>()
        .AddSingleton<IResource, LogResource>()
        .AddSingleton<IResource, DiagnosticsResources>()
        .AddSingleton<IResource, HealthResources>()
        .AddSingleton<IResource, ClientResources>()
        .AddSingleton<IResource, ExchangeResources>()
        .AddSingleton<IResource, DelayedResources>()
        .AddSingleton<IResource, QueueResources>()
        .AddSingleton<IResource, ReplicaResources>()
        .AddSingleton<IResource, StreamResources>()
        .AddSingleton<IResource, BindingResources>()
        .AddSingleton<IResource, DefinitionsResources>()
        .AddSingleton<IResource, VhostResources>()
        .AddSingleton<IResource, UserResources>()
        .AddSingleton<IResource, PermissionResources>()
        .AddSingleton<IResource, LimitResources>()
        .AddSingleton<IResource, LoginResource>()
        .AddSingleton<IResource, LiveResource>()
        .AddSingleton<IResource, RouteResource>()
        .AddSingleton<IResource, MoveResource>()
        .AddSingleton<IResource, MessageSearch>()
        .AddSingleton<IResource, PolicyResources>()
        .AddSingleton<IResource, ParameterResources>()
        .AddSingleton<IResource, ConfigurationResource>()
        .AddSingleton<IResource, AbsentResources>();

    public static void MapManagement(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapPost(RebalanceEndpoint.Path, endpoints.ServiceProvider.GetRequiredService<RebalanceEndpoint>().AnswerAsync);

    public static void MapManagementApi(this IEndpointRouteBuilder endpoints)
    {
        var services = endpoints.ServiceProvider;
        var routes = new ApiRoutes(endpoints, services.GetRequiredService<ApiLogin>(), services.GetRequiredService<VhostNames>(), services.GetRequiredService<GrpcServer>(), services.GetRequiredService<ILogger<ApiRoutes>>());
        foreach (var resource in services.GetServices<IResource>())
        {
            resource.Map(routes);
        }

        routes.Close();
        services.GetRequiredService<PageFiles>().Map(endpoints);
    }
}
