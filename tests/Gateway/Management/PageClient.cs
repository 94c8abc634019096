using System.Net;

namespace Granary.Gateway.Tests.Management;

/// <summary>Asks as the management page does in a browser: with a cookie, and saying where from.</summary>
internal sealed class PageClient : IDisposable
{
    private readonly Uri _root;

    public PageClient(Uri root)
    {
        _root = root;
        Http = new HttpClient { BaseAddress = root, Timeout = TimeSpan.FromSeconds(30) };
    }

    public HttpClient Http { get; }

    public string Origin => _root.GetLeftPart(UriPartial.Authority);

    public HttpRequestMessage Request(HttpMethod method, string path, string? body = null) => new(method, new Uri(path, UriKind.Relative))
    {
        Headers = { { "X-Granary-Page", "1" }, { "Origin", Origin } },
        Content = body is null ? null : ApiBroker.Json(body),
    };

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? body = null)
    {
        using var request = Request(method, path, body);
        return await Http.SendAsync(request);
    }

    public async Task<HttpStatusCode> StatusAsync(HttpMethod method, string path)
    {
        using var response = await SendAsync(method, path);
        return response.StatusCode;
    }

    public Task<HttpResponseMessage> LogInAsync(string user, string password) =>
        SendAsync(HttpMethod.Post, "api/login", $$"""{"username":"{{user}}","password":"{{password}}"}""");

    public void Dispose() => Http.Dispose();
}
