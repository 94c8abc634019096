using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;

namespace Grpc.AspNetCore.Server;

/// <summary>Answers without a handler: a response of headers only.</summary>
internal static class UnknownCall
{
    public static Task AnswerAsync(HttpContext context, string text)
    {
        Refuse(context, new Status(StatusCode.Unimplemented, text));
        return Task.CompletedTask;
    }

    public static void Refuse(HttpContext context, Status status, int httpStatus = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = GrpcHeaders.ContentType;
        CallEnd.WriteTo(context.Response.Headers, status, null);
    }
}
