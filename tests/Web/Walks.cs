using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Granary.Testing.Brokers;
using Granary.Testing.Processes;
using Granary.Testing.Wire;

namespace Granary.Web.Tests;

/// <summary>A broker of its own, and everything that was walked on its page by one browser.</summary>
public sealed class Walks : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Logins that are refused, which some walks are about.</summary>
    private const int LoginRefused = 1681;

    private const string LookedAt = "consumed";

    private readonly ConcurrentDictionary<string, Walked> _walked = new(StringComparer.Ordinal);
    private BrokerProcess? _broker;
    private string _output = "";

    /// <summary>What became of a walk.</summary>
    public string? Of(string name) => _walked.TryGetValue(name, out var walked) ? walked.Error : $"The walk was not made:\n{_output}";

    public async Task InitializeAsync()
    {
        if (!File.Exists(BrowserTheoryAttribute.Browser))
        {
            return;
        }

        _broker = await BrokerProcess.StartAsync();
        _broker.Watched.Allow(LoginRefused);

        // Somebody who is connected and consumes, for the pages of connections and channels.
        await using var client = await WireConnection.OpenAsync(_broker.AmqpPort);
        await client.CallAsync(1, WireMethods.QueueDeclare(LookedAt), 50, 11);
        await client.CallAsync(1, WireMethods.BasicConsume(LookedAt, "walker"), 60, 21);
        var environment = new Dictionary<string, string> { ["WEB_PACKAGES"] = await WebPackages.FolderAsync(), ["WEB_BROWSER"] = BrowserTheoryAttribute.Browser };
        var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_broker.HttpPort}");
        await using var walker = ChildProcess.Start("node", [RepositoryPath.Of("tests", "Web", "walk", "main.mjs"), address], environment, onLine: Add);
        try
        {
            await walker.WaitForExitAsync(Limit);
        }
        finally
        {
            _output = walker.Output;
        }
    }

    public async Task DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    private void Add(string line)
    {
        if (line.StartsWith('{') && JsonSerializer.Deserialize<Walked>(line, JsonSerializerOptions.Web) is { } walked)
        {
            _walked[walked.Name] = walked;
        }
    }

    private sealed record Walked(string Name, int Milliseconds, string? Error);
}
