using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Processes;

namespace Granary.Gateway.Tests.Metrics;

/// <summary>A Prometheus (Debian's) that scrapes one address once a second, as a target in the namespace <c>n</c>.</summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly string _data;
    private readonly HttpClient _client;

    private PrometheusServer(ChildProcess process, string data, int port)
    {
        (_process, _data) = (process, data);
        _client = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/api/v1/")) };
    }

    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "prometheus")));

    public static async Task<PrometheusServer> StartAsync(Uri target)
    {
        var data = Directory.CreateTempSubdirectory("granary-prometheus-").FullName;
        var config = Path.Combine(data, "prometheus.yml");
        await File.WriteAllTextAsync(config, $$$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
              - job_name: granary
                static_configs:
                  - {targets: ['{{{target.Authority}}}'], labels: {namespace: n} }
            """);
        var port = FreePort.Take(1)[0];
        var process = ChildProcess.Start("prometheus",
        [
            $"--config.file={config}", $"--storage.tsdb.path={Path.Combine(data, "tsdb")}", string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{port}"),
        ]);
        return new PrometheusServer(process, data, port);
    }

    /// <summary>How many series an expression has now; none as long as the server is not up.</summary>
    /// <exception cref="HttpRequestException">It cannot be evaluated.</exception>
    public async Task<int> CountAsync(string expression)
    {
        try
        {
            using var response = await _client.GetAsync(new Uri($"query?query={Uri.EscapeDataString(expression)}", UriKind.Relative));
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                return 0;
            }

            var answer = await response.Content.ReadAsStringAsync();
            Assert.True(response.IsSuccessStatusCode, $"{expression}: {answer}");
            return JsonNode.Parse(answer)!["data"]!["result"]!.AsArray().Count;
        }
        catch (HttpRequestException) when (!_process.HasExited)
        {
            // It is about to listen.
            return 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _process.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }
}

/// <summary>A test that needs a Prometheus, and is reported as skipped without it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PrometheusFactAttribute : FactAttribute
{
    public PrometheusFactAttribute() => Skip = PrometheusServer.IsInstalled ? null : "There is no prometheus in PATH.";
}
