using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Frame;

/// <summary>
/// The paths of the management API as a tree of segments. To the framework the whole API is one endpoint: with one for each path and method there would be seven hundred of
/// them, with tables of states that are made at the first request, which a health check is, too.
/// </summary>
internal sealed class ApiPaths
{
    private readonly Dictionary<string, RequestDelegate> _answers = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, ApiPaths> _named = new(StringComparer.OrdinalIgnoreCase);
    private ApiPaths? _any;

    /// <summary>What may be asked of this path; none: it is only the way to others.</summary>
    public IReadOnlyCollection<string> Methods => _answers.Keys;

    /// <summary>Null: it may not be asked.</summary>
    public RequestDelegate? Find(string method) => _answers.GetValueOrDefault(method);

    /// <param name="pattern">Segments, each with a slash before it; those in braces stand for any.</param>
    public void Add(string pattern, IEnumerable<string> methods, RequestDelegate answer)
    {
        var path = this;
        foreach (var segment in pattern.Split('/').Skip(1))
        {
            path = segment.StartsWith('{') ? path._any ??= new ApiPaths() : path.Named(segment);
        }

        foreach (var method in methods)
        {
            path._answers.Add(method, answer);
        }
    }

    /// <summary>The path that fits best: from the left on, one that names the segment before one that stands for any. Null: there is none.</summary>
    /// <param name="segments">
    /// Decoded. An empty one stands for any unless it is the last: so tools name the default exchange (<c>exchanges/%2F//publish</c>, <c>bindings/%2F/e//q/NAME</c>).
    /// </param>
    public ApiPaths? Find(ReadOnlySpan<string> segments)
    {
        if (segments.IsEmpty)
        {
            return _answers.Count > 0 ? this : null;
        }

        return _named.GetValueOrDefault(segments[0])?.Find(segments[1..]) ?? (segments[0].Length > 0 || segments.Length > 1 ? _any?.Find(segments[1..]) : null);
    }

    private ApiPaths Named(string segment)
    {
        if (!_named.TryGetValue(segment, out var path))
        {
            _named.Add(segment, path = new ApiPaths());
        }

        return path;
    }
}
