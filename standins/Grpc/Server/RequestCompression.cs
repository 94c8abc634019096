using System.Buffers;
using System.IO.Compression;
using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;

namespace Grpc.AspNetCore.Server;

/// <summary>Opens the compressed messages of a call: gzip and deflate, which the original takes without being asked to. As there, only the compressed size has a limit.</summary>
internal sealed class RequestCompression(HttpContext http)
{
    private const string Supported = "identity, gzip, deflate";

    /// <summary>The content of one message whose compressed flag is set.</summary>
    /// <exception cref="RpcException">INTERNAL: the request names no encoding. UNIMPLEMENTED: it names one that is not known here.</exception>
    public ReadOnlySequence<byte> Open(ReadOnlySequence<byte> message)
    {
        string? encoding = http.Request.Headers[GrpcHeaders.Encoding];
        var compressed = new MemoryStream(message.ToArray(), writable: false);
        using Stream source = encoding switch
        {
            "gzip" => new GZipStream(compressed, CompressionMode.Decompress),
            "deflate" => new ZLibStream(compressed, CompressionMode.Decompress),
            null => throw Refusal(StatusCode.Internal, "Request did not include grpc-encoding value with compressed message."),
            GrpcHeaders.Identity => throw Refusal(StatusCode.Internal, "Request sent 'identity' grpc-encoding value with compressed message."),
            _ => throw Unsupported(encoding),
        };
        var opened = new MemoryStream();
        source.CopyTo(opened);
        return new ReadOnlySequence<byte>(opened.GetBuffer(), 0, (int)opened.Length);
    }

    private static RpcException Refusal(StatusCode code, string detail) => new(new Status(code, detail));

    private RpcException Unsupported(string encoding)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.Headers[GrpcHeaders.AcceptEncoding] = Supported.Replace(" ", "", StringComparison.Ordinal);
        }

        return Refusal(StatusCode.Unimplemented, $"Unsupported grpc-encoding value '{encoding}'. Supported encodings: {Supported}");
    }
}
