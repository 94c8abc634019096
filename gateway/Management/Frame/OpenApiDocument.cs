using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Granary.Gateway.Management.Frame;

/// <summary>What the API answers, in OpenAPI's words: made of the routes themselves, so that it cannot say something else than they do.</summary>
internal sealed partial class OpenApiDocument(string version)
{
    private static readonly string[] Paged = ["page", "page_size", "name", "use_regex", "sort", "sort_reverse", "columns"];

    private readonly List<(string Path, string Method, Need? Need)> _operations = [];

    /// <param name="path">With <c>/api</c>.</param>
    /// <param name="need">Null: no login.</param>
    public void Add(string path, string method, Need? need) => _operations.Add((path, method, need));

    public JsonObject ToJson() => new()
    {
        ["openapi"] = "3.1.0",
        ["info"] = new JsonObject { ["title"] = "Granary's management API", ["description"] = "With the paths, fields and codes of RabbitMQ's.", ["version"] = version },
        ["servers"] = new JsonArray(new JsonObject { ["url"] = "/" }),
        ["security"] = new JsonArray(new JsonObject { ["basic"] = new JsonArray() }, new JsonObject { ["bearer"] = new JsonArray() }),
        ["paths"] = Paths(),
        ["components"] = new JsonObject
        {
            ["securitySchemes"] = new JsonObject
            {
                ["basic"] = new JsonObject { ["type"] = "http", ["scheme"] = "basic" },
                ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["bearerFormat"] = "JWT" },
            },
            ["schemas"] = new JsonObject
            {
                ["Refusal"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject { ["error"] = new JsonObject { ["type"] = "string" }, ["reason"] = new JsonObject { ["type"] = "string" } },
                },
            },
        },
    };

    // Made when somebody asks: kept, it would be larger than most nodes' lists of queues.
    private JsonObject Paths()
    {
        JsonObject paths = [];
        foreach (var (path, method, need) in _operations)
        {
            if (paths[path] is not JsonObject item)
            {
                paths[path] = item = new JsonObject { ["parameters"] = new JsonArray([.. Parameter().Matches(path).Select(static name => (JsonNode?)InPath(name.Groups[1].Value))]) };
            }

            item[method.ToLowerInvariant()] = Operation(path, method, need);
        }

        return paths;
    }

    private static JsonObject Operation(string path, string method, Need? need)
    {
        var operation = new JsonObject
        {
            ["operationId"] = $"{method.ToLowerInvariant()}{NoWord().Replace(path["/api".Length..], "_")}",
            ["tags"] = new JsonArray(path.Split('/')[2]),
            ["description"] = need is null ? "For everybody." : $"For users with the tag {(need == Need.Monitor ? "monitoring" : $"{need}".ToLowerInvariant())}, or one that has more.",
            ["responses"] = Responses(method),
        };
        if (method == "GET")
        {
            operation["parameters"] = new JsonArray([.. Paged.Select(static name => (JsonNode?)new JsonObject
            {
                ["name"] = name, ["in"] = "query", ["description"] = "Of lists.", ["schema"] = new JsonObject { ["type"] = name.StartsWith("page", StringComparison.Ordinal) ? "integer" : "string" },
            })]);
        }
        else if (method is "PUT" or "POST")
        {
            operation["requestBody"] = new JsonObject { ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = new JsonObject { ["type"] = "object" } } } };
        }

        return operation;
    }

    private static JsonObject Responses(string method)
    {
        var responses = new JsonObject();
        foreach (var status in method switch
        {
            "GET" => new[] { "200" },
            "PUT" => ["201", "204"],
            "POST" => ["200", "201", "204"],
            _ => ["204"],
        })
        {
            responses[status] = new JsonObject { ["description"] = status switch { "201" => "It was not there before.", "204" => "Done.", _ => "The answer." } };
            if (status == "200")
            {
                responses[status]!["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = new JsonObject() } };
            }
        }

        foreach (var (status, why) in new[] { ("400", "The request cannot be meant."), ("401", "Not logged in, or not allowed."), ("404", "There is no such thing."), ("503", "A part of the cluster is out of reach.") })
        {
            responses[status] = new JsonObject
            {
                ["description"] = why,
                ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = new JsonObject { ["$ref"] = "#/components/schemas/Refusal" } } },
            };
        }

        return responses;
    }

    private static JsonObject InPath(string name) => new()
    {
        ["name"] = name,
        ["in"] = "path",
        ["required"] = true,
        ["description"] = "Percent-encoded: %2F for the vhost /.",
        ["schema"] = new JsonObject { ["type"] = "string" },
    };

    [GeneratedRegex(@"\{([^}]+)\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("[^A-Za-z0-9]+")]
    private static partial Regex NoWord();
}
