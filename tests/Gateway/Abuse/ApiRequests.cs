using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Makes requests to each operation that the API's description lists, in turn: right in most parts and hostile in some, the same for the same seed.</summary>
/// <param name="node">The name of the node, percent-encoded.</param>
internal sealed partial class ApiRequests(IReadOnlyList<string> operations, string node, int seed)
{
    private static readonly string[] Hostile =
    [
        "%2F", "", "%00", "%2e%2e", "..%2f..%2f..%2fetc%2fpasswd", "..%5c..%5cwindows", "%ff", "%C3%28", "%ED%A0%80", "%", "%2", "%zz", "%F0%9F%98%80", "~", "amq.default", "amq.gen-x",
        "amq.rabbitmq.reply-to", "0", "-1", "99999999999999999999", "%0d%0aX-More:%201", "%22%3E%3Cscript%3E", "(a%2B)%2B%24", "*", "%7B0%7D", "a.b", ".", "..", "%E2%80%AE", "'%3B--", "{vhost}",
        new('a', 255), new('a', 300), new('%', 200), string.Concat(Enumerable.Repeat("%2F", 400)), new('x', 6000),
    ];

    private static readonly string[] Methods = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get", "A", "CONNECT", new('M', 300)];

    private static readonly string[] QueryNames =
    [
        "page", "page_size", "name", "use_regex", "sort", "sort_reverse", "columns", "pagination", "count", "time", "bytes", "search", "after", "encoding", "truncate", "lengths_age",
        "lengths_incr", "msg_rates_age", "msg_rates_incr", "data_rates_age", "data_rates_incr", "disable_stats", "enable_queue_totals", "dry_run", "if-unused", "if-empty", "of", "every", "lines",
        "type", "family", "file", "auth", "vhost",
    ];

    private static readonly string[] QueryValues =
    [
        "", "1", "0", "-1", "true", "false", "2147483648", "99999999999999999999", "1e9", "0.0", "NaN", "%00", "%ff", "a", "(a%2B)%2B%24", "(", "%5B", "name", "name,messages", "a.b.c.d.e", ",,,", "..",
        "messages_details.rate", "overview", "queues%2F%252F", new('a', 2000), new(',', 1000), new('.', 1000), string.Concat(Enumerable.Repeat("(a%2B)", 60)),
    ];

    private static readonly string[] Headers =
    [
        "x-vhost: fz", "x-vhost: nowhere", "x-vhost: ", "X-Reason: a%00", "X-HTTP-Method-Override: DELETE", "Content-Type: text/plain", "Content-Type: application/json; charset=utf-16",
        "Content-Type: multipart/form-data; boundary=x", "Content-Type: multipart/form-data", "Content-Type: ;;;", "Accept: text/event-stream", "Accept: */*;q=nan", "Accept-Encoding: gzip;q=x, br",
        "If-None-Match: \"", "If-Match: *", "If-Modified-Since: yesterday", "Range: bytes=-99999999999", "Expect: 100-continue", "Expect: more", "Cookie: granary-0=AAAA", "Cookie: =;;=;a", "Upgrade: h2c",
        "Connection: Upgrade", "Origin: null", "Sec-Fetch-Site: cross-site", "X-Granary-Page: 1", "Authorization: Basic", "Authorization: Bearer a.b.c", "Forwarded: for=\"[", "Host: y", "Host: ",
        "Content-Encoding: gzip", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Content-Length: 5", "Content-Length: -1", "X: \u00ff", "Traceparent: 00-0-0-zz",
    ];

    private readonly Random _random = new(seed);
    private readonly HostileJson _json = new(seed);
    private int _next;

    public ApiRequest Next()
    {
        var operation = operations[_next++ % operations.Count];
        var (method, template) = (operation.Split(' ')[0], operation.Split(' ')[1]);
        var path = Parameter().Replace(template, name => _random.Next(10) < 6 ? Known(operation, name.Groups[1].Value) : Pick(Allowed(operation, Hostile)));
        var sent = _random.Next(12) == 0 ? Pick(Methods) : method;
        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{sent} {path}{Query(operation)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        if (_random.Next(25) != 0)
        {
            head.Append("Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n");
        }

        for (var more = _random.Next(4) == 0 ? _random.Next(1, 4) : 0; more > 0; more--)
        {
            head.Append(Pick(Headers)).Append("\r\n");
        }

        byte[] body = method is "PUT" or "POST" || _random.Next(20) == 0 ? Encoding.UTF8.GetBytes(_json.For(operation)) : [];
        if (body.Length > 0 && _random.Next(15) == 0)
        {
            body[_random.Next(body.Length)] = (byte)_random.Next(256);
        }

        // What says more than is sent may rightly be waited for.
        var isWhole = !UnfinishedHeader().IsMatch(head.ToString());
        head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n\r\n");
        byte[] bytes = [.. Encoding.Latin1.GetBytes(head.ToString()), .. body];
        return _random.Next(4) == 0 ? new ApiRequest(operation, Spoil(bytes), IsWhole: false) : new ApiRequest(operation, bytes, isWhole);
    }

    // Neither guest nor the vhost of those who are to be served is among them, nor is the vhost / where it could be deleted or limited.
    private string Known(string operation, string parameter) => parameter switch
    {
        "node" => node,
        "user" => Pick(["fz", "nobody"]),
        "vhost" when operation == "DELETE /api/vhosts/{vhost}" || operation.Contains("/vhost-limits/", StringComparison.Ordinal) => "fz-other",
        "vhost" => Pick(Allowed(operation, ["fz", "fz", "%2F", "nowhere"])),
        "name" when operation.Contains("/nodes/", StringComparison.Ordinal) => Pick(Allowed(operation, [node])),
        "exchange" or "source" => Pick(["amq.topic", "amq.default", "fz"]),
        "resource" => Pick(["memory", "disk"]),
        "component" => Pick(["shovel", "vhost-limits", "policy", "operator_policy", "federation-upstream"]),
        "port" => "5672",
        "protocols" or "protocol" => "amqp",
        "unit" => "weeks",
        "within" => "1",
        "properties" => Pick(["~", "a", "k~x"]),
        _ => Pick(["fz", "q", "amq.topic"]),
    };

    // An alarm is raised by its path alone, and would hold those who are to be served.
    private static string[] Allowed(string operation, string[] values) =>
        operation.Contains("/alarms/", StringComparison.Ordinal) ? ["rabbit%40elsewhere"]
        : operation.Contains("/vhosts/{vhost}", StringComparison.Ordinal) || operation.Contains("/vhost-limits/", StringComparison.Ordinal) ? [.. values.Where(static value => value is not ("%2F" or "fz"))]
        : values;

    private string Query(string operation)
    {
        // It watches the threads for that long.
        var query = operation.EndsWith("/threads", StringComparison.Ordinal) ? "?seconds=0.01" : "";
        for (var more = _random.Next(3) == 0 ? _random.Next(1, 5) : 0; more > 0; more--)
        {
            query += $"{(query.Length == 0 ? '?' : '&')}{Pick(QueryNames)}={Pick(QueryValues)}";
        }

        return query;
    }

    private byte[] Spoil(byte[] bytes)
    {
        var spoilt = bytes.ToList();
        for (var changes = _random.Next(1, 6); changes > 0; changes--)
        {
            var at = _random.Next(spoilt.Count);
            switch (_random.Next(5))
            {
                case 0:
                    spoilt[at] = (byte)_random.Next(256);
                    break;
                case 1:
                    spoilt.RemoveRange(at, Math.Min(_random.Next(1, 20), spoilt.Count - at - 1));
                    break;
                case 2:
                    var garbage = new byte[_random.Next(1, 20)];
                    _random.NextBytes(garbage);
                    spoilt.InsertRange(at, garbage);
                    break;
                case 3:
                    spoilt.InsertRange(at, spoilt.GetRange(at, Math.Min(_random.Next(1, 60), spoilt.Count - at)));
                    break;
                default:
                    spoilt.InsertRange(at, Encoding.Latin1.GetBytes(Pick(["\r\n", "\0", "%", "{", "\"", "\\ud800", "\r\n\r\n", "99999999999999999999", ": ", "\n "])));
                    break;
            }
        }

        return [.. spoilt];
    }

    private string Pick(string[] some) => some[_random.Next(some.Length)];

    [GeneratedRegex(@"\{([^}]+)\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("^(Transfer-Encoding|Content-Length|Expect)", RegexOptions.Multiline)]
    private static partial Regex UnfinishedHeader();
}
