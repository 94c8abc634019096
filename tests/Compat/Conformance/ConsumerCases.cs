using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Consumers beside each other, and direct reply-to.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class ConsumerCases(SharedBroker shared) : ConformanceTests(shared)
{
    private const string ReplyTo = "amq.rabbitmq.reply-to";
    private const string InUse = "ACCESS_REFUSED - queue '{q}' in vhost '/' in exclusive use";

    private static readonly (string, object?) Single = ("x-single-active-consumer", true);

    internal static readonly ConformanceSection Section = new(
        "3.8 and 3.9 Consumers, direct reply-to",
        [
            Case("equals take turns, one message at a time",
                Declare("q"), Consume("q", "t", "no-ack"), Consume("q", "u", "no-ack"), Publish("q", "a"), Delivered("t", "a"), Publish("q", "b"), Delivered("u", "b"),
                Publish("q", "c"), Delivered("t", "c")),
            Case("x-priority: the lower one gets what the higher has no room for",
                Declare("q"), Qos(1), Consume("q", "low"), Consume("q", "high", "", ("x-priority", 5)), Publish("q", "a", "b"), Delivered("high", "a"), Delivered("low", "b"),
                Ack("a"), Publish("q", "c"), Delivered("high", "c")),
            Case("exclusive: no second consumer",
                Declare("q"), Consume("q", "t", "exclusive"), On("a2", ChannelError(403, InUse, Consume("q", "u")))),
            Case("exclusive: not where there is one",
                Declare("q"), Consume("q", "t"), On("a2", ChannelError(403, InUse, Consume("q", "u", "exclusive")))),
            Case("exclusive: arguments are looked at first",
                Declare("q"), Consume("q", "t", "exclusive"),
                On("a2", ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{q}' in vhost '/': \"expected integer, got bool\"", Consume("q", "u", "", ("x-priority", true))))),
            Case("exclusive: free again when it is cancelled",
                Declare("q"), Consume("q", "t", "exclusive"), Cancel("t"), Consume("q", "u"), Publish("q", "a"), Delivered("u", "a")),
            Case("exclusive: not on a classic queue with a single active consumer",
                Declare("q", Single), ChannelError(403, InUse, Consume("q", "t", "exclusive"))),
            Case("single active consumer: the first has all, the next follows it",
                Declare("q", Single), Consume("q", "t", "no-ack"), Consume("q", "u", "no-ack"), Publish("q", "a", "b"), DeliveredAll("t", "a", "b"), Cancel("t"),
                Publish("q", "c"), Delivered("u", "c")),
            Case("single active consumer: the next follows when the channel of the first is gone, with what that had",
                Declare("q", Single), On("a2", Consume("q", "t")), On("a3", Consume("q", "u")), Publish("q", "a"), On("a2", Delivered("t", "a")), On("a2", CloseChannel()),
                On("a3", Delivered("u", "a", Redelivered))),
            Case("single active consumer: full, it leaves nothing to others",
                Declare("q", Single), Qos(1), Consume("q", "t"), Consume("q", "u"), Publish("q", "a", "b"), Delivered("t", "a"), Nothing("q"), Has("q", 1)),
            Case("single active consumer: get is allowed on a classic queue",
                Declare("q", Single), Publish("q", "a"), Get("q", "a")),
            Case("single active consumer: get is 405 on a quorum queue",
                Quorum("q", Single),
                ChannelError(
                    405,
                    "RESOURCE_LOCKED - cannot obtain access to locked queue '{q}' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer",
                    Get("q", "a"))),
            Case("single active consumer: in a quorum queue it makes way for a higher priority",
                Quorum("q", Single), Consume("q", "low"), On("a2", Consume("q", "high", "", ("x-priority", 5))), Confirms(), Publish("q", "a"), Acked(1), On("a2", Delivered("high", "a")))
                .Since("4.0", "priorities play no part in who is active", "rabbit_fifo: maybe_notify / activate_next_consumer"),
            Case("a tag that is in use is 530",
                Declare("q"), Consume("q", "t"), ConnectionError(530, "NOT_ALLOWED - attempt to reuse consumer tag 't'", Consume("q", "t"))),
            Case("a tag may be used on two channels",
                Declare("q"), Consume("q", "t"), On("a2", Consume("q", "t"))),
            Case("a consumer without a tag is given one",
                Declare("q"), Consume("q", ""), Publish("q", "a"), DeliveredToGenerated("a")),
            Case("cancelling what is not there is answered",
                Cancel("none")),
            Case("no-local is passed over",
                Declare("q"), Consume("q", "t", "no-ack no-local"), Publish("q", "a"), Delivered("t", "a")),
            Case("an empty name is the last declared queue",
                Declare("q"), Consume("", "t", "no-ack"), Publish("q", "a"), Delivered("t", "a")),
            Case("an empty name is 404 if none was declared",
                ChannelError(404, "NOT_FOUND - no previously declared queue", Consume("", "t"))),
            Case("an empty name is looked at before a tag that is in use",
                Declare("q"), On("a2", Consume("q", "t")), On("a2", ChannelError(404, "NOT_FOUND - no previously declared queue", Consume("", "t")))),
            Case("a tag that is in use is looked at before what there is",
                Declare("q"), Consume("q", "t"), ConnectionError(530, "NOT_ALLOWED - attempt to reuse consumer tag 't'", Consume("none", "t"))),
            Case("consumers are counted",
                Declare("q"), Consume("q", "t"), Consume("q", "u"), Has("q", 0, 2), Cancel("t"), Has("q", 0, 1)),

            Case("reply-to: a reply finds the channel that asked",
                Declare("q"), Consume(ReplyTo, "r", "no-ack"), PublishWith("q", "ask", new() { ReplyTo = ReplyTo }), Has("q", 1),
                On("b1", Get("q", "ask", Property("reply-to is the channel's", it => it.ReplyTo!.StartsWith(ReplyTo + ".", StringComparison.Ordinal), true))),
                On("b1", Reply("answer")), Delivered("r", "answer", FromDefault)),
            Case("reply-to: acknowledgements are 406",
                ChannelError(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge", Consume(ReplyTo, "r"))),
            Case("reply-to: two consumers are 406",
                Consume(ReplyTo, "r", "no-ack"), ChannelError(406, "PRECONDITION_FAILED - reply consumer already set", Consume(ReplyTo, "s", "no-ack"))),
            Case("reply-to: asking without a consumer is 406",
                Declare("q"), ChannelError(406, "PRECONDITION_FAILED - fast reply consumer does not exist", PublishWith("q", "a", new() { ReplyTo = ReplyTo }))),
            Case("reply-to: a reply to nobody is lost",
                Declare("q"), Confirms(), PublishTo("", ReplyTo + ".nobody", "a"), Acked(1)),
            Case("reply-to: a name of nobody is not there",
                ChannelError(404, "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.nobody' in vhost '/'", Declare("amq.rabbitmq.reply-to.nobody", "passive"))),
            Case("reply-to: an address is there while who asked is",
                Declare("q"), Consume(ReplyTo, "r", "no-ack"), PublishWith("q", "ask", new() { ReplyTo = ReplyTo }), Has("q", 1),
                On("b1", Get("q", "ask")), On("b1", ReplyAddressIsThere())),
        ],
        new Elsewhere("which consumer is active, in lists", "tests/Gateway/Management/NodeApiTests.cs", ""),
        new Elsewhere("single active consumer that changes by priority, with what it holds", "tests/Silo/Queues/SingleActiveConsumerTests.cs", ""),
        new Elsewhere("mandatory replies to nobody", "tests/Cluster/DirectReplyTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);

    private static Step DeliveredToGenerated(string body) => new($"{body} is delivered to a tag of the broker's", async channel =>
    {
        var delivery = await channel.TakeAsync(next => next.Is(60), "a delivery");
        Assert.Equal(body, delivery.Body);
        Assert.StartsWith("amq.ctag-", delivery.Consumer, StringComparison.Ordinal);
    });

    /// <summary>Publishes to the reply-to of the message that was got last.</summary>
    private static Step Reply(string body) => new($"reply {body}", channel => PublishTo("", channel.Last!.Properties.ReplyTo!, body).RunAsync(channel));

    private static Step ReplyAddressIsThere() => new("the address is there", async channel =>
    {
        var answer = await channel.CallAsync(WireMethods.QueueDeclare(channel.Last!.Properties.ReplyTo!, passive: true), 50, 11);
        var fields = answer.Method.Arguments();
        Assert.Equal((channel.Last!.Properties.ReplyTo, 0u, 1u), (fields.ShortString(), fields.Long(), fields.Long()));
    });
}
