using System.Text.Json;
using Granary.Amqp;
using Granary.Core;

namespace Granary.Gateway.Management.Frame;

/// <summary>A request that is not done, as its client is told: a status, a word for programs and a sentence for people.</summary>
internal sealed class ApiException(int status, string error, string reason) : Exception(reason)
{
    public int Status => status;

    public string Error => error;

    public static ApiException BadRequest(string reason) => new(400, "bad_request", reason);

    /// <summary>A body that is no JSON, or not of the form that is asked here: the reason says where.</summary>
    public static ApiException NotJson(JsonException exception) => BadRequest(
        // The serializer's own sentence for this names a type of .NET.
        exception.Message.StartsWith("The JSON value could not be converted to", StringComparison.Ordinal)
            ? $"not_json: a value of another kind is expected at {exception.Path}, line {exception.LineNumber + 1}"
            : $"not_json: {exception.Message}");

    public static ApiException NotFound() => new(404, "Object Not Found", "Not Found");

    /// <summary>What is asked to do something and is not there: <c>queue_not_found</c>, <c>exchange_not_found</c>.</summary>
    public static ApiException NotFound(string reason) => new(404, "not_found", reason);

    /// <summary>What PUT and POST are told of a vhost that is not there.</summary>
    public static ApiException NoVhost() => NotFound("vhost_not_found");

    public static ApiException NotAuthorised(string reason) => new(401, "not_authorised", reason);

    public static ApiException NotAllowed(string reason) => new(405, "method_not_allowed", reason);

    /// <summary>What a refusal in AMQP's terms is over HTTP (rabbit_mgmt_util's with_channel).</summary>
    public static ApiException Of(BrokerError error)
    {
        return error.Code switch
        {
            _ when error.IsOutOfReach => new ApiException(503, "service_unavailable", error.Explanation),
            ReplyCode.NotFound => new ApiException(404, "not_found", error.Explanation),
            ReplyCode.AccessRefused or ReplyCode.NotAllowed => NotAuthorised(error.Explanation),
            _ => BadRequest(error.Explanation),
        };
    }

    public static void ThrowIf(BrokerError? error)
    {
        if (error is not null)
        {
            throw Of(error);
        }
    }
}
