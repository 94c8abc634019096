using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;

namespace Granary.Gateway.Tests.Management;

/// <summary>What the management page needs of the server: its files, its way in, and who may do what with its cookie.</summary>
[WatchedBroker]
public sealed partial class PageTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    private Uri Root => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.Broker.HttpPort}/"));

    [Fact]
    public async Task Page_HasNoScriptWithinAndMayLoadNothingFromElsewhere()
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(Root);
        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal(("DENY", "nosniff", "no-referrer"), (Header(response, "X-Frame-Options"), Header(response, "X-Content-Type-Options"), Header(response, "Referrer-Policy")));
        var page = await response.Content.ReadAsStringAsync();
        Assert.DoesNotMatch(Elsewhere(), page);
        Assert.DoesNotContain("<style", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_ThatABrowserHas_IsNotSentAgain()
    {
        using var client = new HttpClient();
        using var first = await client.GetAsync(Root);
        Assert.Equal((HttpStatusCode.OK, "no-cache"), (first.StatusCode, first.Headers.CacheControl!.ToString()));
        using var request = new HttpRequestMessage(HttpMethod.Get, Root) { Headers = { { "If-None-Match", first.Headers.ETag!.ToString() } } };
        using var again = await client.SendAsync(request);
        Assert.Equal((HttpStatusCode.NotModified, 0), (again.StatusCode, (await again.Content.ReadAsByteArrayAsync()).Length));
        foreach (Match file in OwnFile().Matches(await first.Content.ReadAsStringAsync()))
        {
            using var asked = await client.GetAsync(new Uri(Root, file.Groups[1].Value));
            Assert.Equal((HttpStatusCode.OK, "public, max-age=31536000, immutable"), (asked.StatusCode, Header(asked, "Cache-Control")));
        }
    }

    [Fact]
    public async Task File_ForABrowserThatUnpacks_IsPacked()
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, Root) { Headers = { { "Accept-Encoding", "gzip, deflate" } } };
        using var response = await client.SendAsync(request);
        Assert.Equal(["gzip"], response.Content.Headers.ContentEncoding);
        var packed = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal((0x1f, 0x8b), (packed[0], packed[1]));
    }

    [Fact]
    public async Task Page_AtThePortForMetrics_IsNotThere()
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri(broker.Metrics, "/"));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Login_WithTheRightPassword_IsACookieThatScriptsDoNotSee()
    {
        using var page = new PageClient(Root);
        using var response = await page.LogInAsync("guest", "guest");
        Assert.Equal("guest", (string)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["name"]!);
        var cookie = Assert.Single(response.Headers.GetValues("Set-Cookie"));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/api", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("guest", cookie, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await page.StatusAsync(HttpMethod.Get, "api/overview"));
    }

    [Fact]
    [Logs(1681)]
    public async Task Login_WithAWrongPassword_IsRefusedWithoutAWindowOfTheBrowser()
    {
        using var page = new PageClient(Root);
        using var response = await page.LogInAsync("guest", "wrong");
        Assert.Equal((HttpStatusCode.Unauthorized, 0, false), (response.StatusCode, response.Headers.WwwAuthenticate.Count, response.Headers.Contains("Set-Cookie")));
        using var asked = await page.SendAsync(HttpMethod.Get, "api/whoami");
        Assert.Equal((HttpStatusCode.Unauthorized, 0), (asked.StatusCode, asked.Headers.WwwAuthenticate.Count));
    }

    [Fact]
    [Logs(1681)]
    public async Task Login_OfWhoMayNotManage_IsRefused()
    {
        var user = ApiBroker.New("page");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":""}""");
        using var page = new PageClient(Root);
        using var response = await page.LogInAsync(user, "p");
        Assert.Equal((HttpStatusCode.Unauthorized, false), (response.StatusCode, response.Headers.Contains("Set-Cookie")));
    }

    [Theory]
    [InlineData("http://elsewhere.example", "1", null)]
    [InlineData(null, "1", null)]
    [InlineData("own", null, null)]
    [InlineData("own", "1", "cross-site")]
    [InlineData("own", "1", "same-site")]
    public async Task Change_ByTheCookieFromElsewhere_IsForbidden(string? origin, string? header, string? site)
    {
        using var page = new PageClient(Root);
        using var _ = await page.LogInAsync("guest", "guest");
        var queue = ApiBroker.New("page");
        using var request = page.Request(HttpMethod.Put, $"api/queues/%2F/{queue}");
        request.Headers.Remove("Origin");
        request.Headers.Remove("X-Granary-Page");
        Add(request, "Origin", origin == "own" ? page.Origin : origin);
        Add(request, "X-Granary-Page", header);
        Add(request, "Sec-Fetch-Site", site);
        using var response = await page.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"queues/%2F/{queue}")).Status);
        Assert.Equal(HttpStatusCode.Created, await page.StatusAsync(HttpMethod.Put, $"api/queues/%2F/{queue}"));
    }

    // Where the port is the scheme's own neither has it, as behind a proxy; whether that ends TLS is not known here.
    [Theory]
    [InlineData("http://granary.example", "granary.example", HttpStatusCode.OK)]
    [InlineData("https://granary.example", "granary.example", HttpStatusCode.OK)]
    [InlineData("https://granary.example", "granary.example:443", HttpStatusCode.OK)]
    [InlineData("https://Granary.example:8443", "granary.example:8443", HttpStatusCode.OK)]
    [InlineData("https://[::1]", "[::1]", HttpStatusCode.OK)]
    [InlineData("https://granary.example:8443", "granary.example", HttpStatusCode.Forbidden)]
    [InlineData("https://granary.example", "granary.example:80", HttpStatusCode.Forbidden)]
    [InlineData("https://elsewhere.example", "granary.example", HttpStatusCode.Forbidden)]
    [InlineData("null", "granary.example", HttpStatusCode.Forbidden)]
    [InlineData("extension://granary.example", "granary.example", HttpStatusCode.Forbidden)]
    [InlineData("https://granary.example.elsewhere.example", "granary.example", HttpStatusCode.Forbidden)]
    public async Task Login_FromTheAddressThatTheBrowserAsked_IsThePages(string origin, string host, HttpStatusCode expected)
    {
        using var page = new PageClient(Root);
        using var request = page.Request(HttpMethod.Post, "api/login", """{"username":"guest","password":"guest"}""");
        request.Headers.Host = host;
        request.Headers.Remove("Origin");
        request.Headers.Add("Origin", origin);
        using var response = await page.Http.SendAsync(request);
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Session_AfterAChangeOfThePassword_IsOver()
    {
        var user = ApiBroker.New("page");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"old","tags":"management"}""");
        using var page = new PageClient(Root);
        using var _ = await page.LogInAsync(user, "old");
        Assert.Equal(HttpStatusCode.OK, await page.StatusAsync(HttpMethod.Get, "api/whoami"));
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"new","tags":"management"}""");
        Assert.Equal(HttpStatusCode.Unauthorized, await page.StatusAsync(HttpMethod.Get, "api/whoami"));
    }

    [Fact]
    public async Task Session_OfAUserWhoIsDeleted_IsOver()
    {
        var user = ApiBroker.New("page");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"management"}""");
        using var page = new PageClient(Root);
        using var _ = await page.LogInAsync(user, "p");
        await broker.SendAsync(HttpMethod.Delete, $"users/{user}");
        Assert.Equal(HttpStatusCode.Unauthorized, await page.StatusAsync(HttpMethod.Get, "api/whoami"));
    }

    [Theory]
    [InlineData("granary-0=")]
    [InlineData("granary-PORT=AAAA")]
    [InlineData("granary-PORT=AAAAAH______Z3Vlc3QAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("granary-PORT=%00%ff")]
    public async Task Cookie_ThatNobodySigned_IsNoLogin(string cookie)
    {
        using var client = new HttpClient(new HttpClientHandler { UseCookies = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Root, "api/whoami"))
        {
            Headers = { { "Cookie", cookie.Replace("PORT", Root.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal) } },
        };
        using var response = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Logout_EndsTheSession()
    {
        using var page = new PageClient(Root);
        using var _ = await page.LogInAsync("guest", "guest");
        Assert.Equal(HttpStatusCode.NoContent, await page.StatusAsync(HttpMethod.Delete, "api/login"));
        Assert.Equal(HttpStatusCode.Unauthorized, await page.StatusAsync(HttpMethod.Get, "api/whoami"));
    }

    [Fact]
    public async Task Route_OfAMessage_IsToldWithoutOne()
    {
        var (exchange, queue) = (ApiBroker.New("page"), await broker.DeclareQueueAsync());
        await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{exchange}", """{"type":"topic"}""");
        await broker.SendAsync(HttpMethod.Post, $"bindings/%2F/e/{exchange}/q/{queue}", """{"routing_key":"a.*"}""");
        var (status, body) = await broker.SendAsync(HttpMethod.Post, $"exchanges/%2F/{exchange}/route", """{"routing_key":"a.b"}""");
        Assert.Equal((HttpStatusCode.OK, queue), (status, (string)Assert.Single(body!["queues"]!.AsArray())!));
        Assert.Empty((await broker.SendAsync(HttpMethod.Post, $"exchanges/%2F/{exchange}/route", """{"routing_key":"b"}""")).Body!["queues"]!.AsArray());
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Post, "exchanges/%2F/nowhere/route", """{"routing_key":"b"}""")).Status);
        Assert.Equal(0, (int)(await broker.GetAsync($"queues/%2F/{queue}"))["messages"]!);
    }

    private static string Header(HttpResponseMessage response, string name) => string.Join(", ", response.Headers.GetValues(name));

    private static void Add(HttpRequestMessage request, string name, string? value)
    {
        if (value is not null)
        {
            request.Headers.Add(name, value);
        }
    }

    // An address with a host, a script that has content, or a handler in an attribute.
    [GeneratedRegex("""(src|href)="(https?:)?//|<script[^>]*>[^<]|\son\w+=""")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("(?:src|href)=\"(/[^\"]+)\"")]
    private static partial Regex OwnFile();
}
