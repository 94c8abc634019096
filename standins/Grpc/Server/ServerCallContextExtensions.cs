using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Http;

namespace Grpc.Core;

/// <summary>From a call to its request.</summary>
public static class ServerCallContextExtensions
{
    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext)
        => serverCallContext is HttpServerCallContext call
            ? call.Http
            : throw new InvalidOperationException("Could not get HttpContext from ServerCallContext: this call did not come over HTTP.");
}
