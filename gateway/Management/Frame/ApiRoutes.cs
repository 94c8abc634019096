using System.Text.Json;
using Granary.Gateway.Figures;
using Granary.Gateway.Grpc;
using Granary.Gateway.Management.Nodes;
using Granary.Gateway.Management.Page;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Frame;

/// <summary>A part of the management API: one kind of thing and what may be asked of it.</summary>
internal interface IResource
{
    void Map(ApiRoutes routes);
}

/// <summary>The paths of the management API: whoever asks is identified, and whatever fails becomes JSON.</summary>
internal sealed partial class ApiRoutes(IEndpointRouteBuilder endpoints, ApiLogin login, VhostNames vhosts, GrpcServer server, ILogger<ApiRoutes> log)
{
    /// <summary>Octets of a body: as RabbitMQ's <c>management.http.max_body_size</c>.</summary>
    private const long LargestBody = 20_000_000;

    private const string Base = "/api";

    private static readonly ApiUser Nobody = new("", []);
    private static readonly SeenVhosts NoVhosts = new([], [], isForChange: false);

    private readonly ApiPaths _paths = new();
    private readonly List<ApiQuestion> _questions = [];
    private readonly OpenApiDocument _document = new(ApiVersion.Of);

    /// <param name="pattern">Behind <c>/api</c>.</param>
    public void Get(string pattern, Need need, Func<ApiCall, Task> answer)
    {
        _questions.Add(new ApiQuestion(pattern, need, answer));
        Map(pattern, need, answer, HttpMethods.Get, HttpMethods.Head);
    }

    public void Put(string pattern, Need need, Func<ApiCall, Task> answer) => Map(pattern, need, answer, HttpMethods.Put);

    public void Post(string pattern, Need need, Func<ApiCall, Task> answer) => Map(pattern, need, answer, HttpMethods.Post);

    public void Delete(string pattern, Need need, Func<ApiCall, Task> answer) => Map(pattern, need, answer, HttpMethods.Delete);

    /// <summary>For who does not say who he is, and is told nothing that is anybody's: load balancers ask so.</summary>
    public void GetWithoutLogin(string pattern, Func<ApiCall, Task> answer) =>
        Map(pattern, context => answer(new ApiCall(context, Nobody, NoVhosts)), HttpMethods.Get, HttpMethods.Head);

    /// <summary>For who has not said yet who he is.</summary>
    public void PostWithoutLogin(string pattern, Func<HttpContext, Task> answer) => Map(pattern, answer, HttpMethods.Post);

    /// <inheritdoc cref="PostWithoutLogin"/>
    public void DeleteWithoutLogin(string pattern, Func<HttpContext, Task> answer) => Map(pattern, answer, HttpMethods.Delete);

    /// <summary>What GET of a path asks for; null: nothing. To be asked when all is mapped.</summary>
    public ApiQuestion? FindQuestion(IReadOnlyList<string> segments) =>
        _questions.Where(question => question.IsAskedBy(segments)).MaxBy(static question => question.Literals);

    /// <summary>Has a question answered, if whoever asks may ask it.</summary>
    /// <param name="answered">Where the answer is written to.</param>
    public async Task AnswerAsync(HttpContext asks, HttpContext answered, Need need, Func<ApiCall, Task> answer)
    {
        var user = await login.IdentifyAsync(asks).ConfigureAwait(false);
        try
        {
            if (user.Refusal(need) is { } refusal)
            {
                throw ApiException.NotAuthorised(refusal);
            }

            await answer(new ApiCall(answered, user, await vhosts.OfAsync(user, isForChange: HttpMethods.IsPut(answered.Request.Method) || HttpMethods.IsPost(answered.Request.Method)).ConfigureAwait(false))).ConfigureAwait(false);
        }
        finally
        {
            if (user.Token is { } token)
            {
                // The next request comes with its token again.
                server.Forget(token);
            }
        }
    }

    /// <summary>Answers what was mapped, OPTIONS for all of it, and 404 for the rest of <c>/api</c>.</summary>
    public void Close()
    {
        GetWithoutLogin("/index.html", ToDocument);
        Get("/openapi.json", Need.Management, call => call.ReplyAsync(_document.ToJson(), ApiJson.Default.JsonObject));
        var notFound = Admitted(Need.Management, static _ => throw ApiException.NotFound());
        endpoints.Map($"{Base}/{{**rest}}", context => _paths.Find(Segments(context.Request.Path)) is { } path ? AnswerAsync(path, context) : notFound(context));
    }

    // RabbitMQ has its API's documentation there. Relative, because a proxy may show the API at another path.
    private static Task ToDocument(ApiCall call)
    {
        call.Http.Response.Redirect("openapi.json");
        return Task.CompletedTask;
    }

    // One slash at the end says nothing.
    private static string[] Segments(PathString path)
    {
        var rest = path.Value!.AsSpan(Base.Length);
        return rest.TrimStart('/').IsEmpty ? [] : (rest.EndsWith('/') ? rest[1..^1] : rest[1..]).ToString().Split('/');
    }

    private Task AnswerAsync(ApiPaths path, HttpContext context)
    {
        if (path.Find(context.Request.Method) is { } answer)
        {
            return answer(context);
        }

        var allow = string.Join(", ", path.Methods.Append(HttpMethods.Options));
        if (HttpMethods.IsOptions(context.Request.Method))
        {
            context.Response.Headers.Allow = allow;
            return Task.CompletedTask;
        }

        return Admitted(Need.Management, call =>
        {
            call.Http.Response.Headers.Allow = allow;
            throw ApiException.NotAllowed("Method Not Allowed");
        })(context);
    }

    private RequestDelegate Admitted(Need need, Func<ApiCall, Task> answer) => context => RunAsync(context, admitted => AnswerAsync(admitted, admitted, need, answer));

    private void Map(string pattern, Need need, Func<ApiCall, Task> answer, params string[] methods) => MapAt(pattern, need, Admitted(need, answer), methods);

    private void Map(string pattern, Func<HttpContext, Task> answer, params string[] methods) => MapAt(pattern, null, context => RunAsync(context, answer), methods);

    private void MapAt(string pattern, Need? need, RequestDelegate answer, string[] methods)
    {
        _paths.Add(pattern, methods, answer);
        foreach (var method in methods.Where(static method => method != HttpMethods.Head))
        {
            _document.Add($"{Base}{pattern}", method, need);
        }
    }

    private async Task RunAsync(HttpContext context, Func<HttpContext, Task> answer)
    {
        if (context.Features.Get<PortRole>() is { Kind: PortKind.Metrics })
        {
            // Whoever may scrape need not be one who may ask this.
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        try
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
            {
                body.MaxRequestBodySize = LargestBody;
            }

            // What others wrote, such as a message or a name, is shown as what it is said to be.
            context.Response.Headers.XContentTypeOptions = "nosniff";
            await answer(context).ConfigureAwait(false);
        }
        catch (ApiException refused)
        {
            await RefuseAsync(context, refused).ConfigureAwait(false);
        }
        catch (BadHttpRequestException exception)
        {
            await RefuseAsync(context, new ApiException(exception.StatusCode, "bad_request", exception.Message)).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            LogOutOfReach(log, exception, context.Request.Method, context.Request.Path);
            await RefuseAsync(context, new ApiException(StatusCodes.Status503ServiceUnavailable, "service_unavailable", "A part of the cluster is out of reach.")).ConfigureAwait(false);
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            LogFailed(log, exception, context.Request.Method, context.Request.Path);
            await RefuseAsync(context, new ApiException(StatusCodes.Status500InternalServerError, "internal_server_error", "The request failed in the broker; its log says why.")).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            LogClientLeft(log, exception, context.Request.Method, context.Request.Path);
        }
    }

    private static async Task RefuseAsync(HttpContext context, ApiException refused)
    {
        if (context.Response.HasStarted)
        {
            // Half an answer is none: the client is to see that.
            context.Abort();
            return;
        }

        var allow = context.Response.Headers.Allow;
        context.Response.Clear();
        context.Response.Headers.Allow = allow;
        context.Response.StatusCode = refused.Status;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (refused.Status == StatusCodes.Status401Unauthorized && !PageOrigin.IsPage(context))
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"RabbitMQ Management\"";
        }

        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(
            context.Response.Body, new Refusal(refused.Error, refused.Message), ApiJson.Default.Refusal, context.RequestAborted).ConfigureAwait(false);
    }

    [LoggerMessage(1701, LogLevel.Warning, "{Method} {Path} failed: a part of the cluster did not answer")]
    private static partial void LogOutOfReach(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(1702, LogLevel.Error, "{Method} {Path} failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(1703, LogLevel.Debug, "{Method} {Path} ended: its client has left")]
    private static partial void LogClientLeft(ILogger logger, Exception exception, string method, string path);
}

/// <summary>Something that GET asks for.</summary>
/// <param name="Pattern">Behind <c>/api</c>: segments, those in braces for any.</param>
internal sealed record ApiQuestion(string Pattern, Need Need, Func<ApiCall, Task> Answer)
{
    private readonly string[] _segments = Pattern.Split('/')[1..];

    public int Literals => _segments.Count(static segment => !IsAny(segment));

    public bool IsAskedBy(IReadOnlyList<string> segments) =>
        segments.Count == _segments.Length && _segments.Zip(segments).All(static pair => IsAny(pair.First) || pair.First == pair.Second);

    private static bool IsAny(string segment) => segment.StartsWith('{');
}

/// <summary>What the management API answers when it does not do what it was asked for.</summary>
/// <param name="Error">For programs.</param>
/// <param name="Reason">For people.</param>
internal sealed record Refusal(string Error, string Reason);
