using System.Globalization;
using System.Net;
using System.Text;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Processes;

namespace Granary.Differ.Tests.Brokers;

/// <summary>Debian's RabbitMQ and Granary's executable, side by side; both end with the last test.</summary>
public sealed class BothBrokers : IAsyncLifetime
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private ChildProcess? _rabbit;
    private BrokerProcess? _granary;

    /// <summary>Why nothing can be compared on this machine; null if it can.</summary>
    public static string? Missing { get; } = File.Exists("/usr/lib/rabbitmq/bin/rabbitmq-server") ? null : "There is no rabbitmq-server (apt-get install rabbitmq-server).";

    internal BrokerAddress RabbitMq { get; private set; } = new("RabbitMQ", 0, 0);

    internal BrokerAddress Granary { get; private set; } = new("Granary", 0, 0);

    public async Task InitializeAsync()
    {
        if (Missing is not null)
        {
            return;
        }

        var running = PortFromEnvironment("GRANARY_TEST_DIFFER_RABBITMQ");
        var ports = running ?? FreePort.Take(2);
        if (running is null)
        {
            _rabbit = ChildProcess.Start(
                RepositoryPath.Of("tests", "Compat", "rabbitmq.sh"), ports.Select(port => port.ToString(CultureInfo.InvariantCulture)));
        }

        RabbitMq = new BrokerAddress("RabbitMQ", ports[0], ports[1]);
        _granary = await BrokerProcess.StartAsync();
        Granary = new BrokerAddress("Granary", _granary.AmqpPort, _granary.HttpPort);

        // What a wrong request, or a login that is refused, comes to.
        _granary.Watched.Allow(1205, 1105);
        await WaitForRabbitMqAsync();
    }

    public Task DisposeAsync() => ClassEnd.TellAsync(async () =>
    {
        if (_rabbit is { HasExited: false })
        {
            // In good order: RabbitMQ leaves a daemon behind, which the script ends.
            using var term = System.Diagnostics.Process.Start("kill", _rabbit.Id.ToString(CultureInfo.InvariantCulture));
            await _rabbit.WaitForExitAsync(StartLimit);
        }

        if (_granary is not null)
        {
            await _granary.DisposeAsync();
        }
    });

    private static int[]? PortFromEnvironment(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? [.. text.Split(',').Select(port => int.Parse(port, CultureInfo.InvariantCulture))] : null;

    private async Task WaitForRabbitMqAsync()
    {
        using var api = RabbitMq.Api();
        var limit = DateTime.UtcNow + StartLimit;
        while (true)
        {
            try
            {
                using var answer = await api.GetAsync(new Uri("overview", UriKind.Relative));
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet: asked again until the limit.
            }

            if (DateTime.UtcNow > limit || _rabbit is { HasExited: true })
            {
                throw new InvalidOperationException($"RabbitMQ did not get ready:\n{_rabbit?.Output}");
            }

            await Task.Delay(100);
        }
    }
}

/// <summary>Where a broker listens on 127.0.0.1.</summary>
internal sealed record BrokerAddress(string Name, int AmqpPort, int HttpPort)
{
    /// <summary>A client of the management API, as guest; addresses are relative to <c>/api/</c>.</summary>
    public HttpClient Api()
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{HttpPort}/api/"), Timeout = TimeSpan.FromSeconds(30) };
        client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("guest:guest"u8));
        return client;
    }

    /// <summary>Makes a virtual host in which guest may do everything.</summary>
    public async Task MakeVhostAsync(string vhost)
    {
        using var api = Api();
        await PutAsync(api, $"vhosts/{vhost}", "{}");
        await PutAsync(api, $"permissions/{vhost}/guest", """{"configure":".*","write":".*","read":".*"}""");
    }

    public async Task DeleteVhostAsync(string vhost)
    {
        using var api = Api();
        using var answer = await api.DeleteAsync(new Uri($"vhosts/{vhost}", UriKind.Relative));
    }

    private static async Task PutAsync(HttpClient api, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await api.PutAsync(new Uri(path, UriKind.Relative), content);
        answer.EnsureSuccessStatusCode();
    }
}

/// <summary>A test that holds Granary beside RabbitMQ; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BothBrokersFactAttribute : FactAttribute
{
    public BothBrokersFactAttribute() => Skip = BothBrokers.Missing;
}
