using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Granary.Cluster.Tests.Proxies;

/// <summary>Somebody who has the management page open behind a proxy: logged in once, and following the events, again when the stream of them ends, as a browser does.</summary>
internal sealed class PageVisitor : IDisposable
{
    private static readonly TimeSpan BeforeTheNextTry = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http;
    private StreamReader? _events;

    private PageVisitor(HttpClient http) => _http = http;

    /// <summary>How often the stream of events was opened.</summary>
    public int Streams { get; private set; }

    /// <param name="from">An address of loopback that is the visitor's own.</param>
    public static async Task<PageVisitor> LogInAsync(int port, IPAddress from)
    {
        var address = new UriBuilder("http", IPAddress.Loopback.ToString(), port).Uri;
        var visitor = new PageVisitor(new HttpClient(new SocketsHttpHandler { ConnectCallback = (context, cancellation) => ConnectAsync(context.DnsEndPoint, from, cancellation) })
        {
            BaseAddress = address,
            DefaultRequestHeaders = { { "X-Granary-Page", "1" }, { "Origin", address.GetLeftPart(UriPartial.Authority) } },
        });
        using var who = new StringContent("""{"username":"guest","password":"guest"}""", Encoding.UTF8, "application/json");
        using var answer = await visitor._http.PostAsync(new Uri("api/login", UriKind.Relative), who);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
        return visitor;
    }

    /// <summary>Waits for news of the overview. It never logs in again.</summary>
    public async Task HearAsync()
    {
        using var limit = new CancellationTokenSource(Clients.Patience);
        while (!await TryHearAsync(limit.Token))
        {
            await Task.Delay(BeforeTheNextTry, limit.Token);
        }
    }

    public void Dispose()
    {
        _events?.Dispose();
        _http.Dispose();
    }

    private async Task<bool> TryHearAsync(CancellationToken cancellation)
    {
        try
        {
            if (_events is null)
            {
                var answer = await _http.GetAsync(new Uri("api/events?of=overview&every=1", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellation);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                _events = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
                Streams++;
            }

            while (await _events.ReadLineAsync(cancellation) is { } line)
            {
                if (line.StartsWith("data: {", StringComparison.Ordinal))
                {
                    return true;
                }
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            // Its gateway is gone, or the proxy has not noticed yet.
        }

        _events?.Dispose();
        _events = null;
        return false;
    }

    private static async ValueTask<Stream> ConnectAsync(DnsEndPoint to, IPAddress from, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(IPAddress.Parse(to.Host), to.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
