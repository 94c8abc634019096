using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Page;

/// <summary>
/// <c>GET /api/events?of=PATH&amp;of=PATH&amp;every=SECONDS</c>: answers of the API as server-sent events, asked anew every few seconds, and sent where they are other than
/// before. Each time it is asked who asks, as if each were a request of its own: a stream ends with its user's session, and what he may no longer see is not told any
/// more. The next answer is made when the one before has been taken, so a slow reader gets fewer of them.
/// </summary>
internal sealed partial class LiveResource(IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<LiveResource> log) : IResource
{
    /// <summary>Of a user, at this gateway: some windows on some machines.</summary>
    public const int MostStreams = 32;

    /// <summary>Of a stream.</summary>
    public const int MostPaths = 8;

    private const int StandardSeconds = 2;
    private const int LongestSeconds = 5;

    /// <summary>What can be followed. Definitions, users and what else is long or seldom changes is asked for instead.</summary>
    private static readonly HashSet<string> Followed =
        new(StringComparer.Ordinal) { "overview", "nodes", "log", "connections", "channels", "consumers", "exchanges", "queues", "bindings", "vhosts" };

    private readonly ConcurrentDictionary<string, int> _streams = new(StringComparer.Ordinal);

    public void Map(ApiRoutes routes) => routes.Get("/events", Need.Management, call => StreamAsync(routes, call));

    private async Task StreamAsync(ApiRoutes routes, ApiCall call)
    {
        var every = EveryOf(call);
        var followed = call.Query["of"].Select(path => Follow(routes, path ?? "")).ToArray();
        if (followed.Length is 0 or > MostPaths)
        {
            throw ApiException.BadRequest($"of is the path of what is to be followed, and there may be up to {MostPaths}");
        }

        var user = call.User.Name;
        if (_streams.AddOrUpdate(user, 1, static (_, count) => count + 1) > MostStreams)
        {
            Leave(user);
            throw new ApiException(StatusCodes.Status429TooManyRequests, "too_many_streams", $"A user may follow {MostStreams} streams of events at a time");
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(call.Aborted, lifetime.ApplicationStopping);
        try
        {
            var response = call.Http.Response;
            response.ContentType = "text/event-stream";
            response.Headers.CacheControl = "no-store";
            response.Headers["X-Accel-Buffering"] = "no";
            await FollowAsync(routes, call.Http, followed, every, ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (ended.IsCancellationRequested)
        {
            LogLeft(log, exception, user);
        }
        finally
        {
            Leave(user);
        }
    }

    private static TimeSpan EveryOf(ApiCall call) =>
        call.Query["every"].ToString() is not { Length: > 0 } text ? TimeSpan.FromSeconds(StandardSeconds)
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= LongestSeconds ? TimeSpan.FromSeconds(seconds)
        : throw ApiException.BadRequest($"every is a number of seconds, 1 to {LongestSeconds}");

    private static FollowedPath Follow(ApiRoutes routes, string path)
    {
        var followed = new FollowedPath(path);
        followed.Question = Followed.Contains(followed.Segments[0]) ? routes.FindQuestion(followed.Segments) : null;
        return followed.Question is not null ? followed : throw ApiException.BadRequest($"'{path}' cannot be followed");
    }

    private async Task FollowAsync(ApiRoutes routes, HttpContext asks, FollowedPath[] followed, TimeSpan every, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(every, clock);
        using var text = new MemoryStream();
        do
        {
            text.SetLength(0);
            for (var i = 0; i < followed.Length; i++)
            {
                if (!await AskAsync(routes, asks, followed[i], i, text, ended).ConfigureAwait(false))
                {
                    await SendAsync(asks.Response, text, ended).ConfigureAwait(false);
                    return;
                }
            }

            // Also where nothing has changed: a reader tells by it that there is somebody.
            Write(text, ":\n\n");
            await SendAsync(asks.Response, text, ended).ConfigureAwait(false);
        }
        while (await timer.WaitForNextTickAsync(ended).ConfigureAwait(false));
    }

    // False: the session is over.
    private async ValueTask<bool> AskAsync(ApiRoutes routes, HttpContext asks, FollowedPath path, int index, MemoryStream text, CancellationToken ended)
    {
        try
        {
            var (status, body) = await path.AskAsync(routes, asks, ended).ConfigureAwait(false);
            if (path.Told is not { } told || !told.AsSpan().SequenceEqual(body))
            {
                path.Told = body;
                WriteEvent(text, status == StatusCodes.Status200OK ? "data" : "refused", index, body);
            }

            return true;
        }
        catch (ApiException refused)
        {
            path.Told = null;
            var isOver = refused is { Status: StatusCodes.Status401Unauthorized, Error: "not_authorized" };
            WriteEvent(text, isOver ? "over" : "refused", index, JsonSerializer.SerializeToUtf8Bytes(new Refusal(refused.Error, refused.Message), ApiJson.Default.Refusal));
            return !isOver;
        }
        catch (TimeoutException exception)
        {
            // Part of the cluster is out of reach: the next time it may not be.
            LogLate(log, exception, path.Path);
            return true;
        }
    }

    private static void WriteEvent(MemoryStream text, string kind, int index, ReadOnlySpan<byte> json)
    {
        Write(text, string.Create(CultureInfo.InvariantCulture, $"event: {kind}\nid: {index}\ndata: "));
        text.Write(json);
        Write(text, "\n\n");
    }

    private static void Write(MemoryStream text, string what) => text.Write(Encoding.UTF8.GetBytes(what));

    private static async Task SendAsync(HttpResponse response, MemoryStream text, CancellationToken ended)
    {
        await response.Body.WriteAsync(text.GetBuffer().AsMemory(0, (int)text.Length), ended).ConfigureAwait(false);
        await response.Body.FlushAsync(ended).ConfigureAwait(false);
    }

    private void Leave(string user)
    {
        if (_streams.AddOrUpdate(user, 0, static (_, count) => count - 1) == 0)
        {
            _streams.TryRemove(KeyValuePair.Create(user, 0));
        }
    }

    [LoggerMessage(1682, LogLevel.Debug, "A stream of events of user '{User}' has ended: its reader has left, or the process stops")]
    private static partial void LogLeft(ILogger logger, Exception exception, string user);

    [LoggerMessage(1683, LogLevel.Debug, "{Path} could not be told to a stream of events: a part of the cluster did not answer")]
    private static partial void LogLate(ILogger logger, Exception exception, string path);

    /// <summary>One path of the API that a stream follows.</summary>
    private sealed class FollowedPath(string path)
    {
        public string Path => path;

        public string[] Segments { get; } = [.. PathOf(path).Split('/').Select(Uri.UnescapeDataString)];

        public ApiQuestion? Question { get; set; }

        /// <summary>What was sent last.</summary>
        public byte[]? Told { get; set; }

        public async ValueTask<(int Status, byte[] Body)> AskAsync(ApiRoutes routes, HttpContext asks, CancellationToken ended)
        {
            using var body = new MemoryStream();
            var answer = new DefaultHttpContext { RequestAborted = ended, RequestServices = asks.RequestServices };
            answer.Request.Method = HttpMethods.Get;
            answer.Features.Get<IHttpRequestFeature>()!.RawTarget = $"/api/{path}";
            answer.Request.QueryString = new QueryString(path.Length > PathOf(path).Length ? path[PathOf(path).Length..] : "");
            answer.Response.Body = body;
            await routes.AnswerAsync(asks, answer, Question!.Need, Question.Answer).ConfigureAwait(false);
            await answer.Response.CompleteAsync().ConfigureAwait(false);
            return (answer.Response.StatusCode, body.ToArray());
        }

        private static string PathOf(string path) => path.IndexOf('?', StringComparison.Ordinal) is var end and >= 0 ? path[..end] : path;
    }
}
