using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;

namespace Granary.Cli.Broker;

/// <summary>The broker's management API, as RabbitMQ's: so the tool can be used with either.</summary>
internal sealed class BrokerApi : IDisposable
{
    private readonly HttpClient _http;
    private readonly BrokerAddress _address;
    private JsonObject? _overview;

    public BrokerApi(BrokerAddress address, TimeSpan timeout)
    {
        _address = address;
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (address.Socket is { } path)
        {
            handler.ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            };
        }

        _http = new HttpClient(handler) { BaseAddress = address.Http, Timeout = timeout };
        if (address.User is { } user)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{address.Password}")));
        }
    }

    /// <summary>Who logs in; null on the broker's own machine.</summary>
    public string? User => _address.User;

    /// <summary>A name as a segment of a path.</summary>
    public static string Segment(string name) => Uri.EscapeDataString(name);

    /// <exception cref="CommandException">The broker is out of reach, refuses the user, or fails.</exception>
    public async Task<JsonObject> OverviewAsync() => _overview ??= (await GetAsync("overview")).AsObject();

    /// <summary>The name of the node that answers.</summary>
    public async Task<string> NodeAsync() => (await OverviewAsync())["node"]?.GetValue<string>() ?? "rabbit@localhost";

    /// <inheritdoc cref="OverviewAsync"/>
    public async Task<JsonNode> GetAsync(string path) =>
        await FindAsync(path) ?? throw new CommandException(ExitCode.Unavailable, $"The broker has no {path}.");

    /// <summary>All items of a list.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(string path) =>
        await GetAsync(path) is JsonArray list ? [.. list.OfType<JsonObject>()] : [];

    /// <summary>Null: there is none.</summary>
    /// <inheritdoc cref="OverviewAsync"/>
    public async Task<JsonNode?> FindAsync(string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, path, null);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await RequireAsync(answer);
        var text = await answer.Content.ReadAsStringAsync();
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException exception)
        {
            throw new CommandException(ExitCode.Unavailable, $"What answers at {_address.Http} is no broker's management API: {exception.Message}");
        }
    }

    /// <inheritdoc cref="OverviewAsync"/>
    public async Task PutAsync(string path, JsonNode body)
    {
        if (!await TryPutAsync(path, body))
        {
            throw new CommandException(ExitCode.Unavailable, $"The broker has no {path}.");
        }
    }

    /// <summary>False: what it belongs to is not there.</summary>
    /// <inheritdoc cref="OverviewAsync"/>
    public Task<bool> TryPutAsync(string path, JsonNode body) => ChangeAsync(HttpMethod.Put, path, body);

    /// <inheritdoc cref="OverviewAsync"/>
    public async Task PostAsync(string path, JsonNode? body = null)
    {
        if (!await ChangeAsync(HttpMethod.Post, path, body ?? new JsonObject()))
        {
            throw new CommandException(ExitCode.Unavailable, $"The broker has no {path}.");
        }
    }

    /// <summary>Asks something that is too long for an address.</summary>
    /// <inheritdoc cref="OverviewAsync"/>
    public async Task<JsonNode> AskAsync(string path, JsonNode body)
    {
        using var answer = await SendAsync(HttpMethod.Post, path, body);
        await RequireAsync(answer);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync()) ?? throw new CommandException(ExitCode.Software, $"The broker's answer to {path} is empty.");
    }

    /// <summary>False: there is no such thing.</summary>
    /// <inheritdoc cref="OverviewAsync"/>
    public async Task<bool> DeleteAsync(string path, string? reason = null) =>
        await ChangeAsync(HttpMethod.Delete, path, null, reason);

    /// <summary>Whether that user and password may log in.</summary>
    public async Task<bool> AcceptsAsync(string user, string password)
    {
        using var request = Request(HttpMethod.Get, "whoami");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        using var answer = await SendAsync(request);
        if (answer.StatusCode != HttpStatusCode.Unauthorized)
        {
            return true;
        }

        // One without tags is known, but may not use the management API.
        return (await answer.Content.ReadAsStringAsync()).Contains("Not management user", StringComparison.Ordinal);
    }

    /// <summary>What a health check says: null when all is well, else the reason.</summary>
    public async Task<string?> CheckAsync(string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, path, null);
        if (answer.StatusCode != HttpStatusCode.ServiceUnavailable)
        {
            await RequireAsync(answer);
            return null;
        }

        return ReasonOf(await answer.Content.ReadAsStringAsync()) ?? "failed";
    }

    public void Dispose() => _http.Dispose();

    private static string? ReasonOf(string text)
    {
        try
        {
            return JsonNode.Parse(text)?["reason"] switch
            {
                JsonValue value => value.ToString(),
                { } other => other.ToJsonString(),
                null => null,
            };
        }
        catch (JsonException)
        {
            // Not the API's: the status says what there is to say.
            return null;
        }
    }

    private static HttpRequestMessage Request(HttpMethod method, string path) => new(method, new Uri($"api/{path}", UriKind.Relative));

    private async Task<bool> ChangeAsync(HttpMethod method, string path, JsonNode? body, string? reason = null)
    {
        using var answer = await SendAsync(method, path, body, reason);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }

        await RequireAsync(answer);
        return true;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, JsonNode? body, string? reason = null)
    {
        using var request = Request(method, path);
        if (body is not null)
        {
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        }

        if (reason is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Reason", reason);
        }

        return await SendAsync(request);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        try
        {
            return await _http.SendAsync(request);
        }
        catch (HttpRequestException exception)
        {
            throw new OutOfReachException(_address, exception);
        }
        catch (TaskCanceledException exception) when (exception.InnerException is TimeoutException)
        {
            throw new CommandException(
                ExitCode.TemporaryFailure,
                $"Error: operation on node at {_address.Socket ?? _address.Http.ToString()} timed out. Timeout value used: {_http.Timeout.TotalMilliseconds:0}")
            { IsPlain = true };
        }
    }

    private async Task RequireAsync(HttpResponseMessage answer)
    {
        if (answer.IsSuccessStatusCode)
        {
            return;
        }

        var reason = ReasonOf(await answer.Content.ReadAsStringAsync()) ?? $"HTTP {(int)answer.StatusCode}";
        throw answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new CommandException(
                ExitCode.Configuration,
                _address.User is { } user
                    ? $"{reason}. User '{user}' was given with --user or GRANARY_CTL_USER, the password with GRANARY_CTL_PASSWORD or GRANARY_CTL_PASSWORD_FILE."
                    : reason),
            HttpStatusCode.BadRequest or HttpStatusCode.MethodNotAllowed => new CommandException(ExitCode.Software, reason),
            _ => new CommandException(ExitCode.Unavailable, reason),
        };
    }
}
