using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Conformance;

/// <summary>What one case has at the broker: connections, and names that no other case uses.</summary>
internal sealed partial class Stage(BrokerProcess broker) : IAsyncDisposable
{
    private readonly string _prefix = $"c{Guid.NewGuid():N}"[..12];
    private readonly Dictionary<char, StageConnection> _connections = [];
    private readonly Dictionary<string, StageChannel> _channels = [];
    private readonly HashSet<string> _queues = [];
    private readonly HashSet<string> _exchanges = [];
    private readonly HashSet<string> _policies = [];

    public string NameOf(string name) => name.Length == 0 || name.StartsWith("amq.", StringComparison.Ordinal) ? name : $"{_prefix}.{name}";

    /// <summary>A text with the broker's names for those in braces.</summary>
    public string Fill(string text) => NameInText().Replace(text, match => NameOf(match.Groups[1].Value));

    /// <summary>A value with the broker's names.</summary>
    public object? Fill(object? value) => value switch
    {
        Named named => NameOf(named.Name),
        IReadOnlyDictionary<string, object?> table => table.ToDictionary(field => field.Key, field => Fill(field.Value)),
        object?[] list => list.Select(Fill).ToArray(),
        _ => value,
    };

    public Dictionary<string, object?> Fill((string Name, object? Value)[] fields) => fields.ToDictionary(field => field.Name, field => Fill(field.Value));

    /// <summary>To be deleted when the case has ended.</summary>
    public string NoteQueue(string name)
    {
        _queues.Add(NameOf(name));
        return NameOf(name);
    }

    /// <inheritdoc cref="NoteQueue"/>
    public string NoteExchange(string name)
    {
        _exchanges.Add(NameOf(name));
        return NameOf(name);
    }

    /// <summary>A channel by connection and number, "b2" for instance; opened when it is first asked for, or was closed.</summary>
    public async Task<StageChannel> AtAsync(string place)
    {
        var number = (ushort)(place[1] - '0');
        if (!_connections.TryGetValue(place[0], out var connection) || connection.Closed is not null)
        {
            connection = _connections[place[0]] = new StageConnection(await WireConnection.OpenAsync(broker.AmqpPort, channels: 0));
        }

        if (!connection.IsOpen(number))
        {
            await connection.OpenAsync(number);
            _channels[place] = new StageChannel(this, connection, number);
        }

        return _channels[place];
    }

    public async Task CloseConnectionAsync(char name)
    {
        if (_connections.Remove(name, out var connection))
        {
            await connection.CloseAsync();
            await connection.DisposeAsync();
        }
    }

    /// <summary>Sets a policy for one name; its body is the API's.</summary>
    public async Task SetPolicyAsync(string kind, string name, string applyTo, string definition)
    {
        var pattern = $"^{Regex.Escape(NameOf(name))}$".Replace("\\", "\\\\", StringComparison.Ordinal);
        var path = $"{kind}/%2F/{_prefix}.{name}";
        _policies.Add(path);
        await CallApiAsync(HttpMethod.Put, path, $$"""{"pattern":"{{pattern}}","definition":{{Fill(definition)}},"apply-to":"{{applyTo}}"}""");
    }

    public Task ClearPolicyAsync(string kind, string name) => CallApiAsync(HttpMethod.Delete, $"{kind}/%2F/{_prefix}.{name}", null);

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections.Values)
        {
            await connection.DisposeAsync();
        }

        foreach (var path in _policies)
        {
            await CallApiAsync(HttpMethod.Delete, path, null);
        }

        if (_queues.Count + _exchanges.Count == 0)
        {
            return;
        }

        await using var last = await WireConnection.OpenAsync(broker.AmqpPort, channels: 0);
        foreach (var delete in _queues.Select(queue => WireMethods.QueueDelete(queue)).Concat(_exchanges.Select(exchange => WireMethods.ExchangeDelete(exchange))))
        {
            // Each on its own: one that is still locked is going anyway.
            await last.CallAsync(1, WireMethods.ChannelOpen(), 20, 11);
            await last.SendMethodAsync(1, delete);
            await last.SendMethodAsync(1, WireMethods.ChannelClose());
            while (await last.ReadAsync() is { } frame && !frame.Is(20, 41))
            {
            }
        }
    }

    private async Task CallApiAsync(HttpMethod method, string path, string? body)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(method, $"http://127.0.0.1:{broker.HttpPort}/api/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request);
        if (!answer.IsSuccessStatusCode && method != HttpMethod.Delete)
        {
            throw new InvalidOperationException($"{method} {path} was answered with {answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    [GeneratedRegex(@"\{([a-z0-9-]+)\}")]
    private static partial Regex NameInText();
}
