namespace Granary.Gateway.Tests.Management;

/// <summary>A request, and what users without a tag, with management, policymaker, monitoring and administrator are answered.</summary>
/// <param name="RabbitMq">Statuses of 3.10.8.</param>
/// <param name="Here">The same, unless the table says otherwise.</param>
internal sealed record TagRightsRow(string Request, string Method, string Path, string? Body, string RabbitMq, string Here);

/// <summary>Who may ask what of the management API.</summary>
internal static class TagRightsTable
{
    public const string AllRights = """{"configure":".*","write":".*","read":".*"}""";

    public const string Policy = """{"pattern":"^none$","definition":{"max-length":5},"apply-to":"queues"}""";

    // Method, path and body; the statuses of 3.10.8; ours where they differ. There, who is no monitor is answered 500 for a connection or channel that is not there or is another's, and everybody for a
    // node that is not there; a monitor needs some permission in a vhost before what is in it is listed; a vhost is shown to administrators alone; and a path that is not known is 404 before anybody
    // logs in. Limits of users and feature flags are as in 4.x, and auth/hash_password is not in 3.10. Definitions of a vhost are for its policymakers, too (docs/compatibility.md).
    private const string Table = """
        GET overview | 401 200 200 200 200
        GET cluster-name | 401 200 200 200 200
        PUT cluster-name {} | 401 401 401 401 400
        GET nodes | 401 401 401 200 200
        GET nodes/{NODE} | 401 401 401 200 200
        GET nodes/{NODE}/memory | 401 401 401 200 200
        GET nodes/none | 401 401 401 500 500 | 401 401 401 404 404
        GET extensions | 401 200 200 200 200
        GET whoami | 401 200 200 200 200
        GET definitions | 401 401 401 401 200
        GET definitions/{M} | 401 401 401 401 200 | 401 401 200 401 200
        GET definitions/{F} | 401 401 401 401 200
        POST definitions {} | 401 401 401 401 204
        POST definitions/{M} {} | 401 401 401 401 204 | 401 401 204 401 204
        POST definitions/{F} {} | 401 401 401 401 204
        GET parameters | 401 401 200 401 200
        GET parameters/shovel | 401 401 200 401 200
        GET parameters/shovel/{M} | 401 401 200 401 200
        GET parameters/shovel/{F} | 401 401 401 401 200
        GET parameters/vhost-limits/{M}/limits | 401 401 200 401 200
        PUT parameters/none/{M}/new {"value":{}} | 401 401 400 401 400
        GET global-parameters | 401 401 200 401 200
        GET global-parameters/tags | 401 401 200 401 200
        PUT global-parameters/tags {"value":2} | 401 401 204 401 204
        DELETE global-parameters/tags | 401 401 204 401 204
        GET policies | 401 200 200 200 200
        GET policies/{M} | 401 200 200 200 200
        GET policies/{F} | 401 401 401 401 200 | 401 401 401 200 200
        GET policies/{M}/p | 401 401 200 401 200
        GET policies/{F}/p | 401 401 401 401 200
        PUT policies/{M}/new {"pattern":"^none$","definition":{"max-length":5}} | 401 401 201 401 201
        PUT policies/{F}/new {"pattern":"^none$","definition":{"max-length":5}} | 401 401 401 401 201
        DELETE policies/{M}/p | 401 401 204 401 204
        DELETE policies/{F}/p | 401 401 401 401 204
        GET operator-policies | 401 200 200 200 200
        GET operator-policies/{M} | 401 200 200 200 200
        GET operator-policies/{F} | 401 401 401 401 200 | 401 401 401 200 200
        GET operator-policies/{M}/p | 401 401 401 401 200
        PUT operator-policies/{M}/new {"pattern":"^none$","definition":{"max-length":5}} | 401 401 401 401 201
        PUT operator-policies/{F}/new {"pattern":"^none$","definition":{"max-length":5}} | 401 401 401 401 201
        DELETE operator-policies/{M}/p | 401 401 401 401 204
        DELETE operator-policies/{F}/p | 401 401 401 401 204
        GET vhost-limits | 401 200 200 200 200
        GET vhost-limits/{M} | 401 200 200 200 200
        GET vhost-limits/{F} | 401 401 401 200 200
        PUT vhost-limits/{M}/max-queues {"value":50} | 401 401 401 401 204
        DELETE vhost-limits/{M}/max-queues | 401 401 401 401 204
        GET user-limits | 401 200 200 200 200 | 401 401 401 401 200
        GET user-limits/{S} | 401 200 200 200 200 | 401 401 401 200 200
        GET user-limits/{SELF} | 401 200 200 200 200
        PUT user-limits/{S}/max-channels {"value":50} | 401 401 401 401 204
        DELETE user-limits/{S}/max-channels | 401 401 401 401 204
        GET connections | 401 200 200 200 200
        GET connections/none | 401 500 500 404 404 | 401 404 404 404 404
        DELETE connections/none | 401 500 500 500 404 | 401 404 404 404 404
        GET connections/username/guest | 401 500 500 200 200 | 401 401 401 200 200
        GET connections/username/{SELF} | 401 500 500 200 200 | 401 200 200 200 200
        GET vhosts/{M}/connections | 401 200 200 200 200
        GET vhosts/{F}/connections | 401 401 401 401 200 | 401 401 401 200 200
        GET vhosts/{M}/channels | 401 200 200 200 200
        GET vhosts/{F}/channels | 401 401 401 401 200 | 401 401 401 200 200
        GET channels | 401 200 200 200 200
        GET channels/none | 401 500 500 404 404 | 401 404 404 404 404
        GET consumers | 401 200 200 200 200
        GET consumers/{M} | 401 200 200 200 200
        GET consumers/{F} | 401 200 200 200 200 | 401 401 401 200 200
        GET exchanges | 401 200 200 200 200
        GET exchanges/{M} | 401 200 200 200 200
        GET exchanges/{F} | 401 401 401 401 200 | 401 401 401 200 200
        GET exchanges/none | 401 404 404 404 404
        GET exchanges/{M}/x | 401 200 200 200 200
        GET exchanges/{F}/x | 401 401 401 401 200 | 401 401 401 200 200
        GET exchanges/{M}/none | 401 404 404 404 404
        PUT exchanges/{M}/new {"type":"topic"} | 401 201 201 201 201
        PUT exchanges/{F}/new {"type":"topic"} | 401 401 401 401 401
        PUT exchanges/none/new {"type":"topic"} | 401 404 404 404 404
        PUT exchanges/{M}/new {"type":"none"} | 401 400 400 400 400
        PUT exchanges/{M}/x {"type":"topic"} | 401 400 400 400 400
        DELETE exchanges/{M}/x | 401 204 204 204 204
        DELETE exchanges/{F}/x | 401 401 401 401 401
        DELETE exchanges/{M}/none | 401 404 404 404 404
        POST exchanges/{M}/x/publish {"properties":{},"routing_key":"k","payload":"1","payload_encoding":"string"} | 401 200 200 200 200
        POST exchanges/{F}/x/publish {"properties":{},"routing_key":"k","payload":"1","payload_encoding":"string"} | 401 401 401 401 401
        POST exchanges/{M}/x/publish {"properties":{},"routing_key":"k"} | 401 400 400 400 400
        GET exchanges/{M}/x/bindings/source | 401 200 200 200 200
        GET exchanges/{F}/x/bindings/source | 401 401 401 401 200 | 401 401 401 200 200
        GET queues | 401 200 200 200 200
        GET queues/{M} | 401 200 200 200 200
        GET queues/{F} | 401 401 401 401 200 | 401 401 401 200 200
        GET queues/{M}/q | 401 200 200 200 200
        GET queues/{F}/q | 401 401 401 401 200 | 401 401 401 200 200
        GET queues/{M}/none | 401 404 404 404 404
        PUT queues/{M}/new {} | 401 201 201 201 201
        PUT queues/{F}/new {} | 401 401 401 401 401
        PUT queues/{M}/q {"durable":false} | 401 400 400 400 400
        PUT queues/{M}/new [ | 401 400 400 400 400
        DELETE queues/{M}/q | 401 204 204 204 204
        DELETE queues/{F}/q | 401 401 401 401 401
        DELETE queues/{M}/none | 401 404 404 404 404
        DELETE queues/{M}/q/contents | 401 204 204 204 204
        DELETE queues/{F}/q/contents | 401 401 401 401 401
        POST queues/{M}/q/get {"count":1,"ackmode":"ack_requeue_true","encoding":"auto"} | 401 200 200 200 200
        POST queues/{F}/q/get {"count":1,"ackmode":"ack_requeue_true","encoding":"auto"} | 401 401 401 401 401
        POST queues/{M}/q/get {"count":1} | 401 400 400 400 400
        POST queues/{M}/none/get {"count":1,"ackmode":"ack_requeue_true","encoding":"auto"} | 401 404 404 404 404
        GET queues/{M}/q/bindings | 401 200 200 200 200
        GET queues/{F}/q/bindings | 401 401 401 401 200 | 401 401 401 200 200
        GET bindings | 401 200 200 200 200
        GET bindings/{M} | 401 200 200 200 200
        GET bindings/{F} | 401 401 401 401 200 | 401 401 401 200 200
        GET bindings/{M}/e/x/q/q | 401 200 200 200 200
        GET bindings/{F}/e/x/q/q | 401 401 401 401 200 | 401 401 401 200 200
        GET bindings/{M}/e/x/q/q/k | 401 200 200 200 200
        GET bindings/{M}/e/x/q/q/none | 401 404 404 404 404
        POST bindings/{M}/e/x/q/q {"routing_key":"more"} | 401 201 201 201 201
        POST bindings/{F}/e/x/q/q {"routing_key":"more"} | 401 401 401 401 401
        POST bindings/{M}/e/none/q/q {"routing_key":"more"} | 401 404 404 404 404
        DELETE bindings/{M}/e/x/q/q/k | 401 204 204 204 204
        DELETE bindings/{F}/e/x/q/q/k | 401 401 401 401 401
        GET vhosts | 401 200 200 200 200
        GET vhosts/{M} | 401 401 401 401 200 | 401 200 200 200 200
        GET vhosts/{F} | 401 401 401 401 200 | 401 401 401 200 200
        GET vhosts/none | 401 401 401 401 404 | 401 404 404 404 404
        PUT vhosts/{NEW} {} | 401 401 401 401 201
        DELETE vhosts/none | 401 401 401 401 404
        GET vhosts/{M}/permissions | 401 401 401 401 200
        GET vhosts/{M}/topic-permissions | 401 401 401 401 200
        GET users | 401 401 401 401 200
        GET users/without-permissions | 401 401 401 401 200
        GET users/{S} | 401 401 401 401 200
        GET users/none | 401 401 401 401 404
        PUT users/{NEW} {"password":"p","tags":""} | 401 401 401 401 201
        PUT users/{NEW} {"password":"p"} | 401 401 401 401 400
        DELETE users/{S} | 401 401 401 401 204
        DELETE users/none | 401 401 401 401 404
        POST users/bulk-delete {"users":["{S}"]} | 401 401 401 401 204
        GET users/{S}/permissions | 401 401 401 401 200
        GET users/{SELF}/permissions | 401 401 401 401 200
        GET users/{S}/topic-permissions | 401 401 401 401 200
        GET permissions | 401 401 401 401 200
        GET permissions/{M}/{S} | 401 401 401 401 200
        GET permissions/{M}/none | 401 401 401 401 404
        PUT permissions/{M}/{S} {"configure":"","write":"","read":""} | 401 401 401 401 204
        PUT permissions/{F}/{S} {"configure":"","write":"","read":""} | 401 401 401 401 204
        PUT permissions/{M}/{S} {"configure":""} | 401 401 401 401 400
        PUT permissions/{M}/none {"configure":"","write":"","read":""} | 401 401 401 401 400
        DELETE permissions/{M}/{S} | 401 401 401 401 204
        GET topic-permissions | 401 401 401 401 200
        GET topic-permissions/{M}/{S} | 401 401 401 401 200
        PUT topic-permissions/{M}/{S} {"exchange":"amq.topic","write":"a","read":"a"} | 401 401 401 401 204
        DELETE topic-permissions/{M}/{S} | 401 401 401 401 204
        GET feature-flags | 401 401 401 401 200 | 401 200 200 200 200
        PUT feature-flags/quorum_queue/enable {} | 401 401 401 401 204
        GET aliveness-test/{M} | 401 200 200 200 200
        GET aliveness-test/{F} | 401 401 401 401 401 | 401 401 401 200 200
        GET healthchecks/node | 401 200 200 200 200
        GET health/checks/alarms | 401 200 200 200 200
        GET health/checks/local-alarms | 401 200 200 200 200
        GET health/checks/virtual-hosts | 401 200 200 200 200
        GET health/checks/port-listener/1 | 401 503 503 503 503
        GET health/checks/node-is-quorum-critical | 401 200 200 200 200
        GET health/checks/certificate-expiration/1/weeks | 401 200 200 200 200
        POST rebalance/queues {} | 401 401 401 401 204
        GET auth/attempts/{NODE} | 401 401 401 200 200
        GET auth/hash_password/p | 404 404 404 404 404 | 401 401 401 401 200
        GET none | 404 404 404 404 404 | 401 404 404 404 404
        """;

    public static IReadOnlyList<TagRightsRow> Rows { get; } = [.. Table.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];

    private static TagRightsRow Parse(string line)
    {
        var columns = line.Split(" | ");
        var parts = columns[0].Split(' ', 3);
        var rabbit = columns[1].Trim();
        return new TagRightsRow(columns[0], parts[0], parts[1], parts.Length > 2 ? parts[2] : null, rabbit, columns.Length > 2 ? columns[2].Trim() : rabbit);
    }
}
