using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using Granary.Gateway.Figures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Granary.Gateway.Management.Page;

/// <summary>
/// The files of the management page, which are in the assembly. Those whose names have a digest of their content never change, and are kept by browsers for good; the
/// page itself is asked for each time, and answered only if it is another one.
/// </summary>
internal sealed class PageFiles
{
    private const string Folder = "web/";
    private const string Index = "index.html";
    private const string ForGood = "public, max-age=31536000, immutable";

    /// <summary>Scripts and styles are files, and nothing else is run or loaded, whatever gets into the page.</summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly Assembly Here = typeof(PageFiles).Assembly;

    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".svg"] = "image/svg+xml",
    };

    private readonly PageFile[] _files = [.. Here.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Select(static name => new PageFile(name))];

    public void Map(IEndpointRouteBuilder endpoints)
    {
        foreach (var file in _files)
        {
            endpoints.MapMethods(file.Name == Index ? "/" : $"/{file.Name}", [HttpMethods.Get, HttpMethods.Head], context => AnswerAsync(context, file));
        }
    }

    private static async Task AnswerAsync(HttpContext context, PageFile file)
    {
        var response = context.Response;
        if (context.Features.Get<PortRole>() is not { Kind: PortKind.Management })
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var (content, packed, tag) = file.Read();
        var headers = response.Headers;
        headers.ETag = tag;
        headers.CacheControl = file.Name == Index ? "no-cache" : ForGood;
        headers.Vary = "Accept-Encoding";
        headers.ContentSecurityPolicy = Policy;
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (context.Request.Headers.IfNoneMatch.Contains(tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        var isPacked = context.Request.GetTypedHeaders().AcceptEncoding.Any(static coding => coding.Value == "gzip" && coding.Quality != 0);
        if (isPacked)
        {
            content = packed;
            headers.ContentEncoding = "gzip";
        }

        response.ContentType = file.Type;
        response.ContentLength = content.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(content, context.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>A file, which is read when it is first asked for: most nodes never show the page.</summary>
    private sealed class PageFile(string resource)
    {
        private readonly Lazy<(byte[] Content, byte[] Packed, string Tag)> _read = new(() => Read(resource));

        public string Name { get; } = resource[Folder.Length..];

        public string Type => Types[Path.GetExtension(Name)];

        public (byte[] Content, byte[] Packed, string Tag) Read() => _read.Value;

        private static (byte[] Content, byte[] Packed, string Tag) Read(string resource)
        {
            using var stream = Here.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            return (content, Pack(content), new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 10))}\"").ToString());
        }

        private static byte[] Pack(byte[] content)
        {
            using var packed = new MemoryStream();
            using (var pack = new GZipStream(packed, CompressionLevel.SmallestSize))
            {
                pack.Write(content);
            }

            return packed.ToArray();
        }
    }
}
