using System.Text.RegularExpressions;

namespace Granary.Differ.Tests.Http;

/// <summary>Where the API answers otherwise than RabbitMQ 3.10's on purpose; docs/compatibility.md says so, too.</summary>
internal static class KnownApiDifferences
{
    /// <summary>Lists of which RabbitMQ gives pages, too.</summary>
    private const string InPages = @"(queues|exchanges|connections|channels|vhosts)(/[^/?]*)?\?";

    private static readonly Known[] All =
    [
        new("internal errors", "what RabbitMQ itself stumbles over", "", "^500", "^(?!500)"),
        new("methods that are not allowed", "a text says so; a path that nobody knows is 404", "", "^405", "^40[45]"),
        new("heads of limits", "as their GET", "^HEAD (vhost|user)-limits", "^405", "^200"),
        new("refused by permissions", "the text says what was refused", "", "^401 error=not_authorised reason=Access refused", "^401 error=not_authorised"),
        new("refused by the exchange", "as all that is refused; in RabbitMQ it depends on which of two ways it gets to the one who asked", "/publish", "^400 error=bad_request reason=403 ACCESS_REFUSED", "^401 error=not_authorised reason=ACCESS_REFUSED"),
        new("not of the form that is asked", "is told before all else, and where", "", "", "^400 error=bad_request reason=not_json: "),
        new("null for an object", "is none", "  null$", "", "^400 error=bad_request reason=not_json$"),
        new("null for a value", "stands for the usual value, or for none", ":null", "^(20[014]|40[01])", "^(20[014]|400 .*key_missing)"),
        new("true", "another than true and false is refused in other words", "", "not_boolean", "^(20[14]|400)"),
        new("properties of a message", "need not be named", "/publish", "key_missing,properties", "^(200|400)"),
        new("policies", "are checked in the words of 4.x", "policies/", "^400 error=bad_request reason=Validation failed", "^400 error=bad_request reason=Validation failed"),
        new("policies of 4.x", "know overflow for operators; what mirrors queues has no effect", "policies/.*\"(ha-mode|overflow)\"", "^400 error=bad_request reason=Validation failed", "^20[14]"),
        new("exchange types", "are told in the words of 4.x", "^PUT exchanges/", "reason=invalid exchange type", "reason=unknown exchange type"),
        new("regular expressions", "are refused in words of their own", "permissions/", "invalid_regexp", "(is no regular expression|key_missing)"),
        new("regular expressions of a list's filter", "are refused if they are none", "name=[(]&use_regex=true", "^(200|500)", "^400( error=bad_request reason=name is not a regular expression.*| )$"),
        new("encodings", "are refused in words of their own", "/publish", "unsupported_encoding", "Unsupported encoding"),
        new("hashes of passwords", "are checked", "^PUT users/.*password_hash", "^(20[14]|400 .*not_base64)", "the password hash is none of that algorithm"),
        new("node", "a queue is where its name belongs", "\"node\"", "could not be contacted", "^(20[14]|40[04])"),
        new("another node", "is none of a virtual host's", "/start/nobody", "failed with nodedown", "^204"),
        new("columns", "no name is as if none was asked for", "columns=(&|$)", "^(200|503)", "^(200|503)"),
        new("columns that one object has not", "it is told without them", "columns=", @"^(200 Array|200 \[\]|503 \[\])", "^(200|503)"),
        new("limits", "a limit's name and value are looked at one after the other", "-limits/", "^400", "^40[04]"),
        new("descriptions and tags of vhosts", "are texts, and lists of texts", "^PUT vhosts/", "^20[14]", "^400 error=bad_request reason=not_json: "),
        new("limits of a vhost that is not there", "the request is read first", "^PUT vhost-limits/", "vhost_not_found", "^(400|404)"),
        new("pages of an empty list", "there is none but the first", "page=[0-9]", "^200", "(page_out_of_range|^400 $)"),
        new("pages", "there are of every list", $"^(GET|HEAD) (?!{InPages}).*page=", "^200", "^(200 Object|200 .*page_count: |400 error=(bad_request reason=Pagination|invalid_pagination|page_out_of_range)|400 $)"),
        new("pages of what is no list", "are not looked at", "^(GET|HEAD) health/checks/port-listener/1[?].*page", "^400", "^503"),
        new("bindings to the default exchange", "those of queues that are there; RabbitMQ tells them of others, too", "bindings/.*amq.default/q/", "^200", "^(200|404)"),
        new("bindings in a vhost that is not there", "404; RabbitMQ has an empty list", "^(GET|HEAD) (bindings/nowhere/|exchanges/nowhere/.*/bindings)", "^200", "^404"),
        new("bindings of a queue that is not there", "404; RabbitMQ tells its binding to the default exchange", "queues/.*/bindings", "^200", "^404"),
        new("what a queue or an exchange is asked for", "it is looked for before the request is read, from 4.0 on in these words (rabbit_mgmt_util, set_resp_not_found)",
            "^POST (queues|exchanges)/[^/]*/[^/]*/(get|actions|publish)", "^(200|400|401|404)", "^404 error=not_found reason=(queue|exchange|vhost)_not_found"),
        new("reserved names", "are refused before a node that is not there, or a flag that is none", "^PUT (queues|exchanges)/[^/]*/amq.(mine|default)", "^400 .*(not_boolean|could not be contacted)", "^401 .*(reserved prefix|default exchange)"),
        new("limits of connections", "do not hold for what the API does", "^(POST |PUT |DELETE |GET aliveness-test)", "^401 error=not_authorised reason=Access refused[.]$", "^(20|40)"),
        new("aliveness-test", "declares no queue, as from 4.0.6 on, so that limits of queues are no matter (rabbit_mgmt_wm_aliveness_test)", "^(GET|HEAD) aliveness-test", "^(?!200)", "^200"),
        new("tracing", "ends with its virtual host", "^GET vhosts", "tracing: true", "tracing: false"),
        new("queries that RabbitMQ cannot read", "are passed over where they say nothing", "^HEAD (connections|channels)/none", "^400", "^404"),
        new("paths that nobody knows", "404 whatever is before them", "queues/[^/]*/[^/]*/none", "^400", "^404"),
        new("definitions of a vhost that is not there", "404", "definitions/nowhere", "^400", "^404"),
        new("the first page", "is in the documentation (openapi.json)", "^[A-Z]+ ([?]|  |$)", "^(200|405)", "^404"),
        new("auth", "is for RabbitMQ's own page", "^(GET|HEAD) auth([?]|$)", "^200", "^404"),
        new("limits that were taken back", "are none", "^GET (parameters|vhost-limits|user-limits)", @"value: \[\]", "^200"),
        new("global parameters", "are RabbitMQ's without the cluster's id", "^GET global-parameters", "internal_cluster_id", "^200"),
        new("ports and protocols", "are those that there are", "-listener/", "^503 missing=", "^503 missing="),
    ];

    public static bool Covers(ApiRequest request, string rabbit, string granary) =>
        All.Any(known => Regex.IsMatch(request.ToString(), known.Request) && Regex.IsMatch(rabbit, known.RabbitMq) && Regex.IsMatch(granary, known.Granary));

    /// <param name="Name">What it is about.</param>
    /// <param name="Reason">Why it stays.</param>
    /// <param name="Request">Is found in the request, as are the others in the answers.</param>
    private sealed record Known(string Name, string Reason, string Request, string RabbitMq, string Granary);
}
