using System.Text.RegularExpressions;

namespace Granary.Differ.Tests.Walk;

/// <summary>Where Granary answers otherwise than RabbitMQ 3.10 on purpose; docs/compatibility.md and docs/conformance.md say so, too.</summary>
internal static partial class KnownDifferences
{
    private const string RedeliveriesOnly = @"^([^\n]*: basic\.deliver [^\n]* redelivered [^\n]*\n?)*$";

    private static readonly Known[] All =
    [
        new("unknown exchange type", "406 on the channel from 3.13.3 on, and one text for all",
            R: "503 'COMMAND_INVALID - (unknown|invalid) exchange type", G: "406 'PRECONDITION_FAILED - unknown exchange type"),
        new("delivery mode", "one that is not known is transient from 3.13 on (mc_amqpl)", R: @"invalid message: \{delivery_mode_unknown,", G: ""),
        new("line breaks in names", "Granary takes them out of every name", R: "", G: "", Operation: @"line\\x0d\\x0aend"),
        new("internal errors", "what RabbitMQ itself stumbles over", R: "connection.close 541 'INTERNAL_ERROR'", G: ""),
        new("unknown methods", "503; RabbitMQ ends the connection without a word, or with 501", R: "", G: "503 'COMMAND_INVALID - unimplemented method'"),
        new("bodies that are longer than their headers say", "501; RabbitMQ waits for ever", R: "", G: "501 'FRAME_ERROR - content body frame of"),
        new("unused flags of properties", "are refused with 501; RabbitMQ passes over one of them", R: "", G: "501 'FRAME_ERROR - cannot decode <<0,2>>'"),
        new("arguments of unknown types", "are refused with 501; RabbitMQ ends the connection without a word", R: "the end of the stream", G: "501 'FRAME_ERROR - cannot decode <<1,65,90,0>>'"),
        new("offsets of streams", "are looked at before the prefetch from 4.0 on (rabbit_amqqueue: consume_args)", R: "consumer prefetch count is not set", G: "invalid_stream_offset_arg"),
        new("global qos of quorum queues", "is allowed", R: "does not support global qos", G: "consume-ok"),
        new("expiration and user-id", "the first is looked at before the second from 4.0 on (rabbit_channel)", R: "user_id property set to", G: "invalid expiration"),
        new("x-queue-master-locator", "any value is accepted and has no effect; RabbitMQ itself stumbles over those that it does not know", R: "^$", G: "queue.declare-ok",
            Operation: "x-queue-master-locator="),
        new("limits of quorum queues that refuse", "hold for each message", R: "", G: "", Sequence: """(?=.*x-queue-type="quorum")(?=.*"reject-publish")(?=.*x-max-length)"""),
        new("priorities of quorum queues", "are strict, as from 4.3 on", R: "basic.(deliver|get-ok)", G: "basic.(deliver|get-ok)",
            Sequence: """(?s)x-queue-type="quorum".*priority=Byte:"""),
        new("x-delivery-count of a publisher", "is there until the message comes back from 3.13 on (rabbit_fifo_client, add_delivery_count_header)",
            R: "(?s)^(?!.*x-delivery-count=)", G: "x-delivery-count=", Sequence: "x-queue-type=\"quorum\""),
        new("redelivered to a connection that ends", "RabbitMQ ends its channels one after the other, and gives to one what another had",
            R: RedeliveriesOnly, G: RedeliveriesOnly, Both: "connection.close"),
        new("given back to a quorum queue by a connection that ends", "RabbitMQ does it a little later, when a consumer without acknowledgements has gone, too",
            R: "messages=[1-9]", G: "messages=0", Operation: "^z1 queue.declare", Sequence: """(?s)x-queue-type="quorum".*no-ack=true"""),
        new("what expires behind other messages", "goes at its time; in RabbitMQ it stays, and counts, until it is first",
            R: @"messages=|basic\.|^$", G: @"messages=|basic\.|^$", Sequence: "expiration=\"(0|30)\""),
    ];

    /// <summary>RabbitMQ's lines as the version has them that Granary follows.</summary>
    public static string[] Rewrite(string[] rabbit) =>
    [
        .. rabbit.Select(line => PrefetchOfAStream().Replace(line, "for stream $1'"))
            .Select(line => line.Replace("acknowledgement not supported by stream queues queue '", "acknowledgement not supported by stream queue '", StringComparison.Ordinal))
            .Select(line => TypeWhereNoneWas().Replace(line, "'$1' but current is 'classic'"))
            .Select(line => FirstDeliveryCount().Replace(line, ""))
            .Select(line => NoTypeWhereOneWas().Replace(line, "'classic' but current is '$1'")),
    ];

    /// <summary>Granary's lines without what RabbitMQ 3.10 has not yet.</summary>
    public static string[] RewriteGranary(string[] granary) => [.. granary.Select(line => LastDeath().Replace(line, ""))];

    /// <summary>The difference that the two answers have, after which the sequence cannot go on; null: none that is known.</summary>
    public static string? Ends(Operation one, IReadOnlyList<Operation> sequence, string[] rabbit, string[] granary)
    {
        var (onlyR, onlyG, operation) = (string.Join('\n', rabbit.Except(granary)), string.Join('\n', granary.Except(rabbit)), one.ToString());
        var (both, all) = (string.Join('\n', rabbit.Intersect(granary)), string.Join('\n', sequence));
        return All.FirstOrDefault(known => Regex.IsMatch(operation, known.Operation) && Regex.IsMatch(onlyR, known.R) && Regex.IsMatch(onlyG, known.G)
            && Regex.IsMatch(both, known.Both) && Regex.IsMatch(all, known.Sequence))?.Name;
    }

    // From 4.0 on: rabbit_stream_queue, consume.
    [GeneratedRegex("for '(queue '[^']*' in vhost '[^']*')''")]
    private static partial Regex PrefetchOfAStream();

    // From 4.0 on a queue that is declared without a type has one: rabbit_amqqueue, augment_declare_args.
    [GeneratedRegex("(?<='x-queue-type' for .*)the value '([^']*)' of type 'longstr' but current is none")]
    private static partial Regex TypeWhereNoneWas();

    [GeneratedRegex("(?<='x-queue-type' for .*)none but current is the value '([^']*)' of type 'longstr'")]
    private static partial Regex NoTypeWhereOneWas();

    // From 3.13 on the first delivery from a quorum queue has none: rabbit_fifo_client, add_delivery_count_header.
    [GeneratedRegex(@"(?<=\[)headers=\{x-delivery-count=Int64:0\} ?| headers=\{x-delivery-count=Int64:0\}|x-delivery-count=Int64:0, |, x-delivery-count=Int64:0")]
    private static partial Regex FirstDeliveryCount();

    // From 4.0 on: mc, record_death.
    [GeneratedRegex(@", x-last-death-(exchange|queue|reason)=""[^""]*""")]
    private static partial Regex LastDeath();

    /// <param name="Name">What it is about.</param>
    /// <param name="Reason">Why it stays.</param>
    /// <param name="R">Is found in what RabbitMQ alone has answered.</param>
    /// <param name="G">The same of Granary.</param>
    /// <param name="Operation">Is found in the operation.</param>
    /// <param name="Both">Is found in what both have answered.</param>
    /// <param name="Sequence">Is found in all operations, one a line.</param>
    private sealed record Known(string Name, string Reason, string R, string G, string Operation = "", string Both = "", string Sequence = "");
}
