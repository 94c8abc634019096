using System.Globalization;
using System.Text.Json.Nodes;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Bodies of requests: what an operation takes, with something in it replaced, missing or beside it; or anything at all.</summary>
internal sealed class HostileJson(int seed)
{
    /// <summary>What each operation takes. None of it changes what guest or the vhost of those who are to be served may do.</summary>
    public static readonly IReadOnlyDictionary<string, string> Right = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["PUT /api/queues/{vhost}/{name}"] = """{"durable":true,"auto_delete":false,"arguments":{"x-max-length":10,"x-message-ttl":1000,"x-queue-type":"quorum","x-dead-letter-exchange":"amq.fanout"},"node":"n"}""",
        ["PUT /api/exchanges/{vhost}/{name}"] = """{"type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{"alternate-exchange":"amq.fanout"}}""",
        ["POST /api/exchanges/{vhost}/{name}/publish"] =
            """{"properties":{"delivery_mode":2,"headers":{"a":1,"b":[1,{"c":null}]},"expiration":"1000","priority":3,"timestamp":1},"routing_key":"q","payload":"aGVsbG8=","payload_encoding":"base64"}""",
        ["POST /api/exchanges/{vhost}/{name}/route"] = """{"routing_key":"q","headers":{"a":1}}""",
        ["POST /api/queues/{vhost}/{name}/get"] = """{"count":5,"ackmode":"ack_requeue_true","encoding":"auto","truncate":50000}""",
        ["POST /api/queues/{vhost}/{name}/actions"] = """{"action":"sync"}""",
        ["POST /api/queues/{vhost}/{name}/move"] = """{"count":5,"queue":"fz","death":"first"}""",
        ["POST /api/bindings/{vhost}/e/{source}/q/{destination}"] = """{"routing_key":"a.#","arguments":{"x":1}}""",
        ["POST /api/bindings/{vhost}/e/{source}/e/{destination}"] = """{"routing_key":"a.*","arguments":{"x-match":"any"}}""",
        ["PUT /api/policies/{vhost}/{name}"] = """{"pattern":"^fz","definition":{"max-length":5,"overflow":"reject-publish","message-ttl":100},"priority":3,"apply-to":"queues"}""",
        ["PUT /api/operator-policies/{vhost}/{name}"] = """{"pattern":"^fz","definition":{"max-length":5,"expires":100000},"priority":3,"apply-to":"queues"}""",
        ["PUT /api/parameters/{component}/{vhost}/{name}"] = """{"value":{"src-uri":"amqp://","src-queue":"a","dest-uri":"amqp://","dest-queue":"b"}}""",
        ["PUT /api/global-parameters/{name}"] = """{"value":{"a":[1,2,{"b":null}]}}""",
        ["PUT /api/users/{user}"] = """{"password":"p","tags":"management,monitoring"}""",
        ["POST /api/users/bulk-delete"] = """{"users":["nobody"]}""",
        ["PUT /api/permissions/{vhost}/{user}"] = """{"configure":".*","write":"^a","read":""}""",
        ["PUT /api/topic-permissions/{vhost}/{user}"] = """{"exchange":"amq.topic","write":"^{username}","read":".*"}""",
        ["PUT /api/vhosts/{vhost}"] = """{"description":"d","tags":"a,b","default_queue_type":"quorum","tracing":true}""",
        ["PUT /api/vhost-limits/{vhost}/{name}"] = """{"value":100}""",
        ["PUT /api/user-limits/{user}/{name}"] = """{"value":100}""",
        ["PUT /api/cluster-name"] = """{"name":"n"}""",
        ["POST /api/login"] = """{"username":"nobody","password":"wrong"}""",
        ["PUT /api/stream/super-streams/{vhost}/{name}"] = """{"partitions":2,"arguments":{"x-max-age":"1h"}}""",
        ["POST /api/queues/quorum/{vhost}/{name}/replicas/add"] = """{"node":"n"}""",
        ["POST /api/definitions"] =
            """
            {"users":[{"name":"fz","password_hash":"N/EIvRgDIQT7r/9E3lW6cpgdoIKZ8B7VYIpvgWz7cFZMS109","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["monitoring"]}],"vhosts":[{"name":"fz"}],
             "permissions":[{"user":"fz","vhost":"fz","configure":".*","write":".*","read":".*"}],"policies":[{"vhost":"fz","name":"p","pattern":"^fz","definition":{"max-length":5},"priority":0,"apply-to":"all"}],
             "queues":[{"name":"q","vhost":"fz","durable":true,"auto_delete":false,"arguments":{}}],"exchanges":[{"name":"x","vhost":"fz","type":"topic","durable":true,"arguments":{}}],
             "bindings":[{"source":"x","vhost":"fz","destination":"q","destination_type":"queue","routing_key":"a.#","arguments":{}}],"global_parameters":[{"name":"a","value":1}]}
            """,
    };

    private static readonly string[] Names =
    [
        "name", "vhost", "durable", "arguments", "type", "pattern", "definition", "priority", "apply-to", "tags", "password", "password_hash", "configure", "write", "read", "routing_key", "payload",
        "payload_encoding", "properties", "headers", "count", "ackmode", "encoding", "truncate", "value", "exchange", "limits", "metadata", "users", "queues", "x-max-length", "x-queue-type", "__proto__", "$type", "",
    ];

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "-0.5", "1e300", "1e-300", "9223372036854775808", "18446744073709551616", "123456789012345678901234567890", "\"\"", "\"fz\"", "\"\\u0000\"", "\"(a+)+$\"", "\"(\"",
        "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"9\"", "\"true\"", "\"undefined\"", "\"rabbit_password_hashing_md5\"", "\"====\"", "[]", "{}", "[[]]", "[null]", "{\"\":{}}",
    ];

    private readonly Random _random = new(seed);

    public string For(string operation)
    {
        if (!Right.TryGetValue(operation, out var right) || _random.Next(5) == 0)
        {
            return Anything(0);
        }

        var node = JsonNode.Parse(right)!;
        for (var changes = _random.Next(4); changes > 0; changes--)
        {
            Change(node);
        }

        return _random.Next(12) switch
        {
            0 => string.Concat(Enumerable.Repeat("[", 5000)),
            1 => string.Concat(Enumerable.Repeat("{\"a\":", 5000)),
            2 => node.ToJsonString()[..^1],
            3 => node.ToJsonString() + "}",
            _ => node.ToJsonString(),
        };
    }

    // Somewhere in it, at any depth.
    private void Change(JsonNode node)
    {
        while (Inner(node) is { } inner && _random.Next(3) != 0)
        {
            node = inner;
        }

        if (node is JsonArray array)
        {
            array.Add(Parse(Value()));
        }
        else if (node is JsonObject item)
        {
            var names = item.Select(static pair => pair.Key).ToArray();
            if (_random.Next(3) == 0 && names.Length > 0)
            {
                item.Remove(names[_random.Next(names.Length)]);
            }
            else
            {
                item[names.Length > 0 && _random.Next(4) != 0 ? names[_random.Next(names.Length)] : Names[_random.Next(Names.Length)]] = Parse(Value());
            }
        }
    }

    private JsonNode? Inner(JsonNode node)
    {
        JsonNode?[] inner = node switch
        {
            JsonObject item => [.. item.Select(static pair => pair.Value).Where(static value => value is JsonObject or JsonArray)],
            JsonArray array => [.. array.Where(static value => value is JsonObject or JsonArray)],
            _ => [],
        };
        return inner.Length == 0 ? null : inner[_random.Next(inner.Length)];
    }

    private string Value() => _random.Next(40) == 0 ? $"\"{new string('x', 70_000)}\"" : Values[_random.Next(Values.Length)];

    // Half of a surrogate pair cannot be held as text: it is sent in other bodies.
    private static JsonNode? Parse(string value) => value.Contains("\\ud800", StringComparison.Ordinal) ? JsonValue.Create("\ufffd") : JsonNode.Parse(value);

    private string Anything(int depth) => _random.Next(depth < 4 ? 3 : 1) switch
    {
        0 => Value(),
        1 => $"[{string.Join(',', Enumerable.Range(0, _random.Next(4)).Select(_ => Anything(depth + 1)))}]",
        _ => $"{{{string.Join(',', Enumerable.Range(0, _random.Next(5)).Select(_ => string.Create(CultureInfo.InvariantCulture, $"\"{Names[_random.Next(Names.Length)]}\":{Anything(depth + 1)}")))}}}",
    };
}
