using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Gateway.Management.Frame;

/// <summary>One request to the management API, by a user who may make it.</summary>
internal sealed class ApiCall(HttpContext context, ApiUser user, SeenVhosts vhosts)
{
    private const string JsonType = "application/json";

    public HttpContext Http => context;

    public ApiUser User => user;

    /// <summary>What the user sees.</summary>
    public SeenVhosts Vhosts => vhosts;

    public IQueryCollection Query => context.Request.Query;

    public CancellationToken Aborted => context.RequestAborted;

    /// <summary>The segments of the path behind <c>/api</c>, decoded one by one, so that a name may have a slash.</summary>
    public string[] Segments { get; } = Split(context);

    /// <summary>The one vhost of which a list is wanted whose path names none: RabbitMQ's page says it in the header <c>x-vhost</c>. Null: of all.</summary>
    /// <exception cref="ApiException">404: there is no such vhost; 401: it is not the user's.</exception>
    public string? HeaderVhost => context.Request.Headers["x-vhost"].ToString() is { Length: > 0 } vhost ? Vhosts.Require(vhost) : null;

    /// <summary>What is another's may be looked at by monitors, and ended by administrators alone (rabbit_web_dispatch_access_control's is_authorized_user).</summary>
    /// <exception cref="ApiException">401: it is another's.</exception>
    public void RequireSeen(string owner)
    {
        var isAllowed = HttpMethods.IsDelete(context.Request.Method) ? user.IsAdministrator : user.IsMonitor;
        if (!isAllowed && user.Name != owner)
        {
            throw ApiException.NotAuthorised("User not authorised to access object");
        }
    }

    public bool Flag(string name) => Query[name].ToString() == "true";

    /// <exception cref="ApiException">400: not JSON, or not of that form.</exception>
    public async Task<T> ReadAsync<T>(JsonTypeInfo<T> type)
    {
        try
        {
            var body = await JsonBody.ReadAsync(context.Request.Body, type, Aborted).ConfigureAwait(false);
            return body is null ? throw ApiException.BadRequest("not_json") : body;
        }
        catch (JsonException exception)
        {
            throw ApiException.NotJson(exception);
        }
    }

    /// <summary>As <see cref="ReadAsync"/>, where no body stands for an empty object.</summary>
    public Task<T> ReadOrEmptyAsync<T>(JsonTypeInfo<T> type)
        where T : new() =>
        context.Request.ContentLength == 0 || (context.Request.ContentLength is null && !context.Request.Headers.ContainsKey("Transfer-Encoding"))
            ? Task.FromResult(new T())
            : ReadAsync(type);

    public Task ReplyAsync<T>(T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = JsonType;
        context.Response.Headers.CacheControl = "no-cache";
        return Columns.From(Query) is { } columns
            ? WriteAsync(writer => columns.Write(writer, value!, type))
            : JsonSerializer.SerializeAsync(context.Response.Body, value, type, Aborted);
    }

    /// <summary>A list: filtered, sorted and cut into pages as the query says.</summary>
    /// <param name="nameOf">What the filter <c>name</c> looks at.</param>
    public Task ReplyListAsync<T>(IReadOnlyCollection<T> items, JsonTypeInfo<T> type, Func<T, string> nameOf)
        where T : class =>
        ReplyListAsync(items, static item => item, type, nameOf);

    /// <summary>As the other: only those that are told, or sorted by what they tell, are made into what is told.</summary>
    /// <param name="complete">What is added to those that are told; null: nothing.</param>
    public async Task ReplyListAsync<TSource, T>(
        IReadOnlyCollection<TSource> items, Func<TSource, T> tell, JsonTypeInfo<T> type, Func<TSource, string> nameOf, Func<List<T>, Task<List<T>>>? complete = null)
        where T : class
    {
        var listing = Listing.From(Query);
        var columns = Columns.From(Query);
        var page = listing.Apply(items, tell, type, nameOf);
        if (complete is not null)
        {
            page = page with { Items = await complete(page.Items).ConfigureAwait(false) };
        }

        context.Response.ContentType = JsonType;
        context.Response.Headers.CacheControl = "no-cache";
        await WriteAsync(writer => page.Write(writer, type, columns)).ConfigureAwait(false);
    }

    /// <summary>PUT: 201 for what was not there, else 204.</summary>
    public Task ReplyPutAsync(bool isNew)
    {
        context.Response.StatusCode = isNew ? StatusCodes.Status201Created : StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    public Task ReplyNothingAsync() => ReplyPutAsync(isNew: false);

    private async Task WriteAsync(Action<Utf8JsonWriter> write)
    {
        await using (var writer = new Utf8JsonWriter(context.Response.BodyWriter))
        {
            write(writer);
        }

        await context.Response.BodyWriter.FlushAsync(Aborted).ConfigureAwait(false);
    }

    // The server decodes all but %2F, so that what it decoded says no longer what was meant.
    private static string[] Split(HttpContext context)
    {
        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } raw ? raw : context.Request.Path.Value ?? "";
        var start = target.StartsWith('/') ? 0 : target.IndexOf('/', Math.Min(target.Length, target.IndexOf("://", StringComparison.Ordinal) + 3));
        var end = target.IndexOf('?', StringComparison.Ordinal);
        var path = target[Math.Max(start, 0)..(end < 0 ? target.Length : end)];
        return [.. path.Split('/').Skip(2).Select(Uri.UnescapeDataString)];
    }
}
