using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Net.Client;

/// <summary>Finds the status of a call in what HTTP says.</summary>
internal static class ResponseStatus
{
    public static bool TryRead(HttpHeaders fields, out Status status)
    {
        if (!fields.TryGetValues(GrpcHeaders.Status, out var values))
        {
            status = default;
            return false;
        }

        var text = values.First();
        var detail = fields.TryGetValues(GrpcHeaders.Message, out var messages) ? StatusText.Decode(messages.First()) : "";
        status = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code)
            ? new Status((StatusCode)code, detail)
            : new Status(StatusCode.Unknown, $"Unexpected grpc-status value: {text}");
        return true;
    }

    /// <summary>Null if this is a gRPC response.</summary>
    public static Status? Refusal(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            var code = response.StatusCode switch
            {
                HttpStatusCode.BadRequest => StatusCode.Internal,
                HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
                HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
                HttpStatusCode.NotFound => StatusCode.Unimplemented,
                HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout
                    => StatusCode.Unavailable,
                _ => StatusCode.Unknown,
            };
            return new Status(code, $"Bad gRPC response. HTTP status code: {(int)response.StatusCode}");
        }

        var contentType = response.Content.Headers.ContentType?.MediaType;
        return GrpcHeaders.IsGrpc(contentType) ? null : new Status(StatusCode.Cancelled, $"Bad gRPC response. Invalid content-type value: {contentType}");
    }

    public static Status FromException(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpProtocolException protocol)
            {
                // HTTP/2 error codes of RST_STREAM and GOAWAY, RFC 9113 section 7.
                var code = protocol.ErrorCode switch
                {
                    0x7 => StatusCode.Unavailable,
                    0x8 => StatusCode.Cancelled,
                    0xb => StatusCode.ResourceExhausted,
                    0xc => StatusCode.PermissionDenied,
                    _ => StatusCode.Internal,
                };
                return new Status(code, $"Error starting or reading gRPC call. {protocol.Message}", exception);
            }
        }

        return exception switch
        {
            HttpRequestException or IOException => new Status(StatusCode.Unavailable, $"Error connecting to or reading from the server. {exception.Message}", exception),
            OperationCanceledException => new Status(StatusCode.Cancelled, "Call canceled by the client.", exception),
            _ => new Status(StatusCode.Internal, $"Error starting or reading gRPC call. {exception.GetType().Name}: {exception.Message}", exception),
        };
    }

    public static Metadata ToMetadata(HttpHeaders fields)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in fields.NonValidated)
        {
            if (!GrpcHeaders.IsReserved(name))
            {
                foreach (var value in values)
                {
                    MetadataText.Add(metadata, name, value);
                }
            }
        }

        return metadata;
    }
}
