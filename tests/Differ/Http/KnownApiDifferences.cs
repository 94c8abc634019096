using System.Text.RegularExpressions;

namespace Granary.Differ.Tests.Http;

/// <summary>Where the API answers otherwise than RabbitMQ 3.10's on purpose; docs/compatibility.md says so, too.</summary>
internal static class KnownApiDifferences
{
    private static readonly Known[] All =
    [
        new("internal errors", "what RabbitMQ itself stumbles over", "", "^500", ""),
        new("methods that are not allowed", "a text says so; a path that nobody knows is 404", "", "^405", "^40[45]"),
        new("refused by permissions", "the text says what was refused", "", "^401 error=not_authorised reason=Access refused", "^401 error=not_authorised"),
        new("not of the form that is asked", "the text says where", "", "^400", "^400 error=bad_request reason=not_json: "),
        new("null and true", "null stands for the usual value; another than true and false is refused in other words", "null|:5|true", "not_boolean", ""),
        new("properties of a message", "need not be named", "/publish", "key_missing,properties", ""),
        new("policies", "are checked in the words of 4.x", "policies/", "^400 error=bad_request reason=Validation failed", "^400 error=bad_request reason=Validation failed"),
        new("node", "a queue is where its name belongs", "\"node\"", "could not be contacted", ""),
        new("columns=", "no name is as if none was asked for", "columns=(&|$)", "^200", "^200"),
        new("limits", "a limit's name and value are looked at one after the other", "-limits/", "^400", "^40[04]"),
        new("descriptions and tags of vhosts", "are texts, and lists of texts", "^PUT vhosts/", "^20[14]", "^400 error=bad_request reason=not_json: "),
        new("limits of a vhost that is not there", "the request is read first", "^PUT vhost-limits/", "vhost_not_found", "^400"),
        new("pages of an empty list", "there is none but the first", "page=", "^200", "page_out_of_range"),
        new("bindings to the default exchange", "those of queues that are there; RabbitMQ tells them of others, too", "bindings/.*amq.default/q/", "^200", "^(200|404)"),
        new("bindings in a vhost that is not there", "404; RabbitMQ has an empty list", "^(GET|HEAD) bindings/nowhere/", "^200", "^404"),
        new("bindings of a queue that is not there", "404; RabbitMQ tells its binding to the default exchange", "queues/.*/bindings", "^200", "^404"),
        new("what a queue or an exchange is asked for", "it is looked for before the request is read", "^POST (queues|exchanges)/", "^400", "^404"),
    ];

    public static bool Covers(ApiRequest request, string rabbit, string granary) =>
        All.Any(known => Regex.IsMatch(request.ToString(), known.Request) && Regex.IsMatch(rabbit, known.RabbitMq) && Regex.IsMatch(granary, known.Granary));

    /// <param name="Name">What it is about.</param>
    /// <param name="Reason">Why it stays.</param>
    /// <param name="Request">Is found in the request, as are the others in the answers.</param>
    private sealed record Known(string Name, string Reason, string Request, string RabbitMq, string Granary);
}
