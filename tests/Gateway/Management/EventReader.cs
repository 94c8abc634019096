using System.Text.Json.Nodes;

namespace Granary.Gateway.Tests.Management;

/// <summary>Reads a stream of server-sent events.</summary>
internal sealed class EventReader(HttpResponseMessage response, StreamReader reader) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<EventReader> OpenAsync(HttpClient client, HttpRequestMessage request)
    {
        using (request)
        {
            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.ToString());
            return new EventReader(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
        }
    }

    /// <summary>The next event that is none of those that only say that the stream is there.</summary>
    public async Task<(string Kind, string Id, JsonNode Data)> NextAsync()
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        while (true)
        {
            var line = await reader.ReadLineAsync().WaitAsync(Patience) ?? throw new EndOfStreamException("The stream is over.");
            if (line.Length == 0 && fields.ContainsKey("data"))
            {
                return (fields["event"], fields["id"], JsonNode.Parse(fields["data"])!);
            }

            var colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon > 0)
            {
                fields[line[..colon]] = line[(colon + 2)..];
            }
        }
    }

    public async Task<bool> IsOverAsync()
    {
        while (await reader.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            Assert.True(line is "" or ":", line);
        }

        return true;
    }

    public ValueTask DisposeAsync()
    {
        reader.Dispose();
        response.Dispose();
        return ValueTask.CompletedTask;
    }
}
