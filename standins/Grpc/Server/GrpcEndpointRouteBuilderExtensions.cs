using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps services to endpoints, one for each method.</summary>
public static class GrpcEndpointRouteBuilderExtensions
{
    /// <summary>Maps a service whose base class was generated; it is made for each call, unless it is registered.</summary>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<TService>(this IEndpointRouteBuilder builder)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (builder.ServiceProvider.GetService<IOptions<RouteOptions>>()?.Value.ConstraintMap.ContainsKey(UnimplementedConstraint.Name) != true)
        {
            throw new InvalidOperationException("Unable to find the required services. Call AddGrpc first.");
        }

        var binder = new ServiceEndpointBinder<TService>(builder);
        Bind<TService>(binder);
        if (builder.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions>>().Value.IgnoreUnknownServices != true)
        {
            MapUnknown(builder, binder);
        }

        return new GrpcServiceEndpointConventionBuilder(binder.Endpoints);
    }

    private static void Bind<TService>(ServiceBinderBase binder)
    {
        for (var type = typeof(TService); type is not null; type = type.BaseType)
        {
            if (type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is { } attribute)
            {
                var bind = attribute.BindType.GetMethod(attribute.BindMethodName, BindingFlags.Public | BindingFlags.Static, [typeof(ServiceBinderBase), type]);
                (bind ?? throw new InvalidOperationException($"{attribute.BindType} has no method {attribute.BindMethodName}.")).Invoke(null, [binder, null]);
                return;
            }
        }

        throw new InvalidOperationException($"{typeof(TService)} does not derive from a generated service base.");
    }

    private static void MapUnknown<TService>(IEndpointRouteBuilder builder, ServiceEndpointBinder<TService> binder)
        where TService : class
    {
        foreach (var service in binder.ServiceNames)
        {
            builder.Map($"{service}/{{unimplementedMethod:{UnimplementedConstraint.Name}}}", context => UnknownCall.AnswerAsync(context, "Method is unimplemented."))
                .WithDisplayName($"gRPC - Unimplemented method for {service}")
                .Add(endpoint => ((RouteEndpointBuilder)endpoint).Order = 1);
        }

        // Once for the host.
        const string AnyService = $"{{unimplementedService}}/{{unimplementedMethod:{UnimplementedConstraint.Name}}}";
        var pattern = RoutePatternFactory.Parse(AnyService);
        if (!builder.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>().Any(endpoint => endpoint.RoutePattern.RawText == pattern.RawText))
        {
            builder.Map(pattern, context => UnknownCall.AnswerAsync(context, "Service is unimplemented."))
                .WithDisplayName("gRPC - Unimplemented service")
                .Add(endpoint => ((RouteEndpointBuilder)endpoint).Order = 2);
        }
    }
}

/// <summary>Adds conventions (authorization, hosts) to all methods of a mapped service.</summary>
public sealed class GrpcServiceEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly IReadOnlyList<IEndpointConventionBuilder> _endpoints;

    internal GrpcServiceEndpointConventionBuilder(IReadOnlyList<IEndpointConventionBuilder> endpoints)
    {
        _endpoints = endpoints;
    }

    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Add(convention);
        }
    }
}
