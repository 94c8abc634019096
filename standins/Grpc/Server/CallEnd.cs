using System.Globalization;
using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;

namespace Grpc.AspNetCore.Server;

/// <summary>Status and trailers as header fields.</summary>
internal static class CallEnd
{
    private static readonly string[] Codes = [.. Enumerable.Range(0, 17).Select(code => code.ToString(CultureInfo.InvariantCulture))];

    public static void WriteTo(IHeaderDictionary fields, Status status, Metadata? trailers)
    {
        var code = (int)status.StatusCode;
        fields[GrpcHeaders.Status] = code >= 0 && code < Codes.Length ? Codes[code] : code.ToString(CultureInfo.InvariantCulture);
        if (!string.IsNullOrEmpty(status.Detail))
        {
            fields[GrpcHeaders.Message] = StatusText.Encode(status.Detail);
        }

        if (trailers is not null)
        {
            Append(fields, trailers);
        }
    }

    public static void Append(IHeaderDictionary fields, Metadata metadata)
    {
        foreach (var entry in metadata)
        {
            if (!GrpcHeaders.IsReserved(entry.Key))
            {
                fields.Append(entry.Key, MetadataText.Format(entry));
            }
        }
    }
}
