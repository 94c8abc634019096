using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Granary.Differ.Tests.Brokers;

namespace Granary.Differ.Tests.Http;

/// <summary>A request to the management API, as data.</summary>
/// <param name="Method">GET, PUT and so on.</param>
/// <param name="Path">Behind <c>/api/</c>, as it is on the wire.</param>
/// <param name="Body">Null: none.</param>
internal sealed record ApiRequest(string Method, string Path, string? Body)
{
    /// <summary>It may leave something behind.</summary>
    public bool IsChange => Method is "PUT" or "POST" or "DELETE";

    public async Task<ApiAnswer> SendAsync(BrokerAddress broker, HttpClient client)
    {
        // As it is: what is written in an unusual way shall stay so.
        var address = new Uri($"http://127.0.0.1:{broker.HttpPort}/api/{Path}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(new HttpMethod(Method), address);
        if (Body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        using var answer = await client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return new ApiAnswer((int)answer.StatusCode, text, Path.Split('?')[0]);
    }

    public override string ToString() => $"{Method} {Path}{(Body is null ? "" : $"  {Body}")}";
}

/// <summary>What is compared of an answer.</summary>
internal sealed partial record ApiAnswer(int Status, string Text, string Path)
{
    /// <summary>Parts of paths whose answers are settings, and are compared whole. Others are figures, too: that there is an answer is compared.</summary>
    private static readonly string[] WholeParts =
        ["users", "permissions", "topic-permissions", "policies", "operator-policies", "parameters", "vhost-limits", "user-limits", "bindings"];

    /// <summary>What is compared of queues, exchanges and virtual hosts, and of pages of them.</summary>
    private static readonly string[] Settings =
    [
        "name", "vhost", "type", "durable", "auto_delete", "exclusive", "internal", "arguments", "description", "tags", "tracing", "policy", "operator_policy",
        "items", "page", "page_size", "page_count", "item_count", "filtered_count", "total_count",
    ];

    /// <summary>Where a figure, a name or a time differs anyhow.</summary>
    private static readonly string[] Passing = ["password_hash", "properties_key", "cluster_state"];

    public bool IsDone => Status < 300;

    public string Shown()
    {
        if (Status >= 400)
        {
            return $"{Status} {Reason()}";
        }

        if (Status is not 200 || Text.Length == 0)
        {
            return $"{Status}";
        }

        try
        {
            using var json = JsonDocument.Parse(Text);
            return WholeParts.Any(part => Path.Contains(part, StringComparison.Ordinal)) ? $"{Status} {Whole(json.RootElement)}"
                : SettingsOf().IsMatch(Path) ? $"{Status} {Whole(json.RootElement, isSettings: true)}"
                : $"{Status} {json.RootElement.ValueKind}";
        }
        catch (JsonException)
        {
            return $"{Status} no JSON";
        }
    }

    private string Reason()
    {
        try
        {
            using var json = JsonDocument.Parse(Text);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? string.Join(' ', json.RootElement.EnumerateObject().OrderBy(field => field.Name, StringComparer.Ordinal).Select(field => $"{field.Name}={InOneLine().Replace($"{field.Value}", ",")}"))
                : json.RootElement.ToString();
        }
        catch (JsonException)
        {
            return Text.Length == 0 ? "" : "no JSON";
        }
    }

    private static string Whole(JsonElement value, bool isSettings = false) => value.ValueKind switch
    {
        JsonValueKind.Object => WholeObject(value, isSettings),
        JsonValueKind.Array => $"[{string.Join(", ", value.EnumerateArray().Select(item => Whole(item, isSettings)).Order(StringComparer.Ordinal))}]",
        _ => value.GetRawText(),
    };

    private static string WholeObject(JsonElement value, bool isSettings)
    {
        var fields = value.EnumerateObject().Where(field => isSettings ? IsSetting(field) : !Passing.Contains(field.Name, StringComparer.Ordinal))
            .OrderBy(field => field.Name, StringComparer.Ordinal)
            .Select(field => $"{field.Name}: {Whole(field.Value, isSettings && field.Name != "arguments")}").ToArray();

        // RabbitMQ writes an empty object as an empty list in some places.
        return fields.Length == 0 ? "[]" : $"{{{string.Join(", ", fields)}}}";
    }

    // No policy is told as none, or not told.
    private static bool IsSetting(JsonProperty field) => field.Value.ValueKind != JsonValueKind.Null && Settings.Contains(field.Name, StringComparer.Ordinal);

    // Erlang breaks a long list into lines.
    [GeneratedRegex(@",\n +")]
    private static partial Regex InOneLine();

    [GeneratedRegex("^(queues|exchanges|vhosts)(/[^/]*){0,2}$")]
    private static partial Regex SettingsOf();
}
