using System.Text;
using System.Text.Json.Serialization;
using System.Text.Unicode;
using Granary.Amqp;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Queues;

/// <summary>A message that was got.</summary>
internal sealed record MessageJson
{
    private const string AsText = "string";
    private const string AsBase64 = "base64";

    public required int PayloadBytes { get; init; }

    public required bool Redelivered { get; init; }

    public required string Exchange { get; init; }

    public required string RoutingKey { get; init; }

    public required long MessageCount { get; init; }

    public required BasicProperties Properties { get; init; }

    public required string Payload { get; init; }

    public required string PayloadEncoding { get; init; }

    /// <param name="truncate">So many octets of the payload at the most.</param>
    public static (string Payload, string Encoding) Encode(ReadOnlySpan<byte> body, bool isBase64, int? truncate)
    {
        var shown = truncate is { } most && most < body.Length ? body[..most] : body;
        return isBase64 || !Utf8.IsValid(shown) ? (Convert.ToBase64String(shown), AsBase64) : (Encoding.UTF8.GetString(shown), AsText);
    }

    /// <exception cref="ApiException">400: not base64, or of an encoding that there is not.</exception>
    public static byte[] Decode(string payload, string encoding)
    {
        if (encoding == AsText)
        {
            return Encoding.UTF8.GetBytes(payload);
        }

        var bytes = new byte[payload.Length];
        return encoding != AsBase64 ? throw ApiException.BadRequest($"Unsupported encoding: {encoding}. Please use either string or base64.")
            : Convert.TryFromBase64String(payload, bytes, out var length) ? bytes[..length]
            : throw ApiException.BadRequest("payload is not base64");
    }
}

/// <summary>What messages to get, and what becomes of them.</summary>
internal sealed record GetRequest
{
    [JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
    public int? Count { get; set; }

    /// <summary>The form of today.</summary>
    public string? Ackmode { get; set; }

    /// <summary>The form before it.</summary>
    public bool? Requeue { get; set; }

    public string? Encoding { get; set; }

    [JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
    public int? Truncate { get; set; }
}
