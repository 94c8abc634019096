using Grpc.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Grpc.AspNetCore.Server;

/// <summary>Lets the routes for unknown methods match gRPC calls only, so that the rest of the host keeps its paths.</summary>
internal sealed class UnimplementedConstraint : IRouteConstraint
{
    public const string Name = "grpc-unimplemented";

    public bool Match(HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection)
        => httpContext is null || (HttpMethods.IsPost(httpContext.Request.Method) && GrpcHeaders.IsGrpc(httpContext.Request.ContentType));
}
