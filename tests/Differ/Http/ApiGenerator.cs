namespace Granary.Differ.Tests.Http;

/// <summary>Draws requests to the management API, right and wrong. They take nothing from guest, who sends them: what follows would be about that alone.</summary>
internal sealed class ApiGenerator(int seed)
{
    public const string Vhost = "walk-http";

    private static readonly string[] Vhosts = [Vhost, Vhost, Vhost, Vhost, "nowhere", "walk%2Dhttp"];

    private readonly Random _random = new(seed);

    public ApiRequest Next()
    {
        var kind = _random.Next(14);
        var method = Pick("GET", "GET", "PUT", "PUT", "PUT", "DELETE", "POST", "HEAD");
        var vhost = Pick(Vhosts);
        var (path, body) = kind switch
        {
            0 => ($"queues/{vhost}/{Queue()}", Body(("durable", Bool()), ("auto_delete", Bool()), ("arguments", Arguments()), ("node", Pick("null", "\"nobody@nowhere\"", "5")))),
            1 => ($"exchanges/{vhost}/{Exchange()}", Body(("type", Pick("\"direct\"", "\"fanout\"", "\"topic\"", "\"headers\"", "\"none\"", "5")), ("durable", Bool()), ("auto_delete", Bool()), ("internal", Bool()), ("arguments", Arguments()))),
            2 => ($"bindings/{vhost}/e/{Exchange()}/q/{Queue()}", Body(("routing_key", Pick("\"k\"", "\"\"", "5", "null")), ("arguments", Arguments()))),
            3 => ($"bindings/{vhost}/e/{Exchange()}/{Pick("e", "q", "x")}/{Pick("q1", "x1", "x2")}/{Pick("~", "k", "none", "")}", Body(("routing_key", "\"k\""))),
            4 => ($"vhosts/{Pick("walk-more", "walk-more", "walk-none")}", Body(("tracing", Bool()), ("description", Pick("\"d\"", "5")), ("tags", Pick("\"a,b\"", "[\"a\"]", "5")))),
            5 => ($"users/{Pick("walker", "walker", "other", "guest1")}", Body(("password", Pick("\"p\"", "\"\"", "5")), ("password_hash", Pick("\"\"", "\"AAAA\"", "\"not base64!\"")), ("tags", Pick("\"\"", "\"management\"", "\"administrator,x\"", "[\"policymaker\"]", "5", "null")))),
            6 => ($"permissions/{vhost}/{Pick("walker", "walker", "nobody")}", Body(("configure", Pattern()), ("write", Pattern()), ("read", Pattern()))),
            7 => ($"topic-permissions/{vhost}/{Pick("walker", "walker", "nobody")}", Body(("exchange", Pick("\"amq.topic\"", "\"none\"", "5")), ("write", Pattern()), ("read", Pattern()))),
            8 => ($"{Pick("policies", "operator-policies")}/{vhost}/{Pick("p1", "p2")}", Body(("pattern", Pattern()), ("definition", Definition()), ("priority", Pick("0", "5", "-1", "\"5\"", "1.5")), ("apply-to", Pick("\"all\"", "\"queues\"", "\"exchanges\"", "\"none\"", "5")))),
            9 => ($"vhost-limits/{vhost}/{Pick("max-connections", "max-queues", "none")}", Body(("value", Pick("10", "-1", "0", "\"5\"", "1.5", "null")))),
            10 => ($"user-limits/{Pick("walker", "nobody")}/{Pick("max-connections", "max-channels", "none")}", Body(("value", Pick("10", "-1", "0", "\"5\"", "1.5")))),
            11 => ($"exchanges/{vhost}/{Exchange()}/publish", Body(("properties", Pick("{}", "{\"delivery_mode\":2}", "{\"headers\":{\"a\":1}}", "{\"none\":1}", "[]", "5", "{\"priority\":\"x\"}")), ("routing_key", Pick("\"q1\"", "\"k\"", "5")), ("payload", Pick("\"text\"", "\"\"", "5")), ("payload_encoding", Pick("\"string\"", "\"base64\"", "\"none\"")))),
            12 => ($"queues/{vhost}/{Queue()}/{Pick("get", "contents", "actions", "bindings", "none")}", Body(("count", Pick("1", "\"1\"", "0", "-1", "x")), ("ackmode", Pick("\"ack_requeue_true\"", "\"ack_requeue_false\"", "\"none\"")), ("encoding", Pick("\"auto\"", "\"base64\"", "\"none\"")), ("action", Pick("\"sync\"", "\"none\"")), ("truncate", Pick("5", "\"5\"")))),
            _ => (Other(vhost), Body(("name", "\"granary\""), ("value", Pick("1", "{}")))),
        };
        method = kind is 11 or 12 && _random.Next(3) > 0 ? "POST" : method;
        if (method is "GET" or "HEAD" or "DELETE")
        {
            return new ApiRequest(method, path + Query(method), null);
        }

        return new ApiRequest(method, path, _random.Next(12) == 0 ? Pick("", "{", "[]", "5", "null", "\"text\"", "{\"a\":}", "{\"arguments\":{}} more") : body);
    }

    private string Other(string vhost) => Pick(
        "overview", "nodes", "nodes/nobody", "cluster-name", "whoami", "extensions", "definitions", $"definitions/{vhost}", "connections", "connections/none", "channels", "channels/none",
        "consumers", $"consumers/{vhost}", "exchanges", $"exchanges/{vhost}", "queues", $"queues/{vhost}", "bindings", $"bindings/{vhost}", "vhosts", $"vhosts/{vhost}/permissions",
        $"vhosts/{vhost}/topic-permissions", "users", "users/guest/permissions", "users/nobody/permissions", "users/without-permissions", "users/bulk-delete", "permissions", "topic-permissions",
        "parameters", "parameters/none", $"parameters/none/{vhost}", $"parameters/none/{vhost}/p", "global-parameters", "global-parameters/none", "policies", $"policies/{vhost}", "operator-policies",
        $"operator-policies/{vhost}", $"aliveness-test/{vhost}", "vhost-limits", $"vhost-limits/{vhost}", "user-limits", "user-limits/guest", "health/checks/alarms", "health/checks/local-alarms",
        "health/checks/virtual-hosts", "health/checks/node-is-quorum-critical", "health/checks/port-listener/1", "health/checks/port-listener/x", "health/checks/protocol-listener/amqp",
        "health/checks/protocol-listener/none", "health/checks/certificate-expiration/1/days", "health/checks/certificate-expiration/1/none", "health/checks/certificate-expiration/x/days", "none",
        $"exchanges/{vhost}/amq.direct/bindings/source", $"exchanges/{vhost}/amq.direct/bindings/none", $"vhosts/{vhost}/start/nobody", "auth", "auth/attempts/nobody", "feature-flags", "",
        "connections/none/channels", "connections/username/none", "nodes/nobody/memory", "nodes/nobody/memory/relative", "nodes/nobody/memory/ets", "nodes/nobody/memory/ets/x/relative",
        "healthchecks/node/nobody", "user-limits/nobody", "reset/nobody");

    private string Query(string method) => method == "DELETE"
        ? Pick("", "", "?if-unused=true", "?if-empty=true", "?if-unused=false", "?if-unused=x")
        : Pick("", "", "", "?page=1", "?page=1&page_size=2", "?page=0", "?page=x", "?page=99", "?page=1&page_size=1000", "?page=1&page_size=0", "?page=1&name=q&use_regex=true", "?page=1&name=(&use_regex=true",
            "?sort=name", "?sort=none", "?sort=name&sort_reverse=true", "?columns=name", "?columns=name,none.x", "?columns=", "?lengths_age=60&lengths_incr=5", "?lengths_age=x&lengths_incr=5", "?disable_stats=true", "?page_size=5",
            "?page=1&page_size=x", "?pagination=true");

    private string Body(params (string Name, string Value)[] fields)
    {
        var kept = new List<(string, string)>();
        foreach (var field in fields)
        {
            if (_random.Next(4) > 0)
            {
                kept.Add(_random.Next(25) == 0 ? (field.Name, Pick("5", "\"x\"", "null", "true", "[]", "{}", "1.5")) : field);
            }
        }

        return $"{{{string.Join(",", kept.Select(field => $"\"{field.Item1}\":{field.Item2}"))}}}";
    }

    private string Queue() => Pick("q1", "q1", "q2", "none", "with%20space", "with%2Fslash", "%C3%A9", "amq.mine", "q%0A1");

    private string Exchange() => Pick("x1", "x1", "x2", "amq.direct", "amq.topic", "amq.default", "none", "amq.mine", "with%2Fslash");

    private string Bool() => Pick("true", "true", "false", "\"true\"", "\"false\"", "5", "null");

    private string Pattern() => Pick("\".*\"", "\"^q\"", "\"\"", "\"(\"", "5", "null");

    private string Arguments() => Pick("{}", "{}", "{}", "[]", "{\"x-max-length\":5}", "{\"x-max-length\":-5}", "{\"x-message-ttl\":\"x\"}", "{\"x-queue-type\":\"none\"}", "5", "\"x\"", "{\"x-match\":\"all\"}", "{\"alternate-exchange\":\"x2\"}", "null");

    private string Definition() => Pick("{}", "{\"max-length\":5}", "{\"max-length\":\"5\"}", "{\"max-length\":-5}", "{\"none\":1}", "{\"message-ttl\":5,\"expires\":60000}", "{\"expires\":0}", "{\"dead-letter-exchange\":\"x1\"}",
        "{\"dead-letter-exchange\":5}", "{\"alternate-exchange\":\"x1\"}", "{\"overflow\":\"reject-publish\"}", "{\"overflow\":\"none\"}", "{\"delivery-limit\":5}", "{\"queue-mode\":\"lazy\"}", "{\"ha-mode\":\"all\"}", "{\"ha-mode\":\"none\"}", "[]", "5", "null");

    private T Pick<T>(params T[] all) => all[_random.Next(all.Length)];
}
