using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Page;

/// <summary>
/// Tells a request of the management page from others. A browser sends cookies along with whatever asks it to, so what is changed by a cookie has to come from the page
/// itself; and it asks for a password with a window of its own where it is told of HTTP's Basic scheme, which the page has no use for.
/// </summary>
internal static class PageOrigin
{
    /// <summary>The page says by it that it is the page: no other site's page can, unless the broker allowed it.</summary>
    public const string Header = "X-Granary-Page";

    public static bool IsPage(HttpContext context) =>
        context.Request.Headers.ContainsKey(Header) || context.Request.Headers.Accept.ToString().StartsWith("text/event-stream", StringComparison.Ordinal);

    /// <exception cref="ApiException">403: it is from elsewhere.</exception>
    public static void Check(HttpContext context)
    {
        var headers = context.Request.Headers;
        var site = headers["Sec-Fetch-Site"].ToString();
        if (!headers.ContainsKey(Header) || site is not ("" or "same-origin") || !IsOwn(headers.Origin.ToString(), context.Request.Host))
        {
            throw new ApiException(StatusCodes.Status403Forbidden, "forbidden", "The request is not from the management page of this broker.");
        }
    }

    // By the address alone: behind a proxy that ends TLS the schemes differ. A browser leaves out the port where it is the scheme's own.
    private static bool IsOwn(string origin, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var from) && host.HasValue && string.Equals(from.Host, host.Host, StringComparison.OrdinalIgnoreCase)
        && StandardPort(from) is { } standard && from.Port == (host.Port ?? standard);

    private static int? StandardPort(Uri from) => from.Scheme == Uri.UriSchemeHttps ? 443 : from.Scheme == Uri.UriSchemeHttp ? 80 : null;
}
