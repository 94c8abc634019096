using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>What a message looks like after it died (RabbitMQ 4's mc:record_death and rabbit_dead_letter).</summary>
public sealed class DeadLetterTests
{
    private static readonly DateTimeOffset Noon = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private static readonly DeadLetterRule ToDlx = new("dlx", null);

    [Fact]
    public void FirstDeath_IsRecordedInFull_AndTheExpirationIsGone()
    {
        var message = Record(new BasicProperties { DeliveryMode = 2, Priority = 3, Expiration = "60000", AppId = "app" }, MessageFlags.Persistent, expiry: 60_000);
        var dead = Die(message, "q", DeathReason.Expired, ToDlx, Noon);

        var properties = BasicProperties.Decode(dead.Properties);
        Assert.Null(properties.Expiration);
        Assert.Equal(((byte?)2, (byte?)3, "app"), (properties.DeliveryMode, properties.Priority, properties.AppId));
        Assert.Equal("dlx"u8, dead.Exchange);
        Assert.Equal("key"u8, dead.RoutingKey);
        Assert.Equal("body"u8, dead.Body);
        Assert.Equal((MessageFlags.Persistent | MessageFlags.DeadLettered, 3, null), (dead.Flags, dead.Priority, dead.Expiry));
        var expected = FieldTable.Of(
            ("count", 1L), ("reason", "expired"), ("queue", "q"), ("time", FieldValue.Timestamp(1_800_000_000)), ("exchange", "source"),
            ("routing-keys", new FieldArray("key")), ("original-expiration", "60000"));
        Assert.Equal(
            FieldTable.Of(
                ("x-death", new FieldArray(expected)),
                ("x-first-death-reason", "expired"), ("x-first-death-queue", "q"), ("x-first-death-exchange", "source"),
                ("x-last-death-reason", "expired"), ("x-last-death-queue", "q"), ("x-last-death-exchange", "source")),
            properties.Headers);
    }

    [Fact]
    public void DeathsInTwoQueues_NewestFirst_AndARepeatCountsUpAndMovesToTheFront()
    {
        var dead = DieBytes(Record(new BasicProperties(), MessageFlags.None), "a", DeathReason.Expired, ToDlx, Noon);
        dead = DieBytes(dead, "b", DeathReason.Rejected, new DeadLetterRule("other", null), Noon.AddSeconds(1));
        Assert.Equal(["rejected b 1", "expired a 1"], Summary(dead));
        dead = DieBytes(dead, "a", DeathReason.Expired, ToDlx, Noon.AddSeconds(2));
        Assert.Equal(["expired a 2", "rejected b 1"], Summary(dead));
        dead = DieBytes(dead, "a", DeathReason.MaxLength, ToDlx, Noon.AddSeconds(3));
        Assert.Equal(["maxlen a 1", "expired a 2", "rejected b 1"], Summary(dead));

        var headers = HeadersOf(dead);
        Assert.Equal(("expired", "a", "source"), (Text(headers, "x-first-death-reason"), Text(headers, "x-first-death-queue"), Text(headers, "x-first-death-exchange")));
        Assert.Equal(("maxlen", "a", "dlx"), (Text(headers, "x-last-death-reason"), Text(headers, "x-last-death-queue"), Text(headers, "x-last-death-exchange")));

        // What was recorded the first time stays.
        var repeated = Deaths(dead)[1];
        Assert.True(repeated.TryGetValue("time", out var time) && time.TryGetTimestamp(out var seconds) && seconds == 1_800_000_000);
        Assert.Equal("source", Text(repeated, "exchange"));
    }

    [Fact]
    public void HistorySetByAPublisher_SaysNothingAndIsReplaced()
    {
        var forged = FieldTable.Of(("count", 7L), ("reason", "expired"), ("queue", "q"));
        var headers = FieldTable.Of(("x-death", new FieldArray(forged)), ("x-first-death-queue", "forged"), ("kept", 1));
        var dead = DieBytes(Record(new BasicProperties { Headers = headers }, MessageFlags.None), "q", DeathReason.Expired, ToDlx, Noon);

        Assert.Equal(["expired q 1"], Summary(dead));
        Assert.Equal("q", Text(HeadersOf(dead), "x-first-death-queue"));
        Assert.True(HeadersOf(dead).ContainsKey("kept"));
    }

    [Fact]
    public void CopyKeys_RouteAndAreRecorded_UntilANewKeyReplacesAll()
    {
        var headers = FieldTable.Of(("CC", new FieldArray("cc1", "cc2")));
        var message = Record(new BasicProperties { Headers = headers }, MessageFlags.None);

        var kept = Letter(message, "q", ToDlx);
        Assert.Equal(["cc1", "cc2"], kept.MoreKeys.Select(key => System.Text.Encoding.UTF8.GetString(key.Span)));
        Assert.Equal("key"u8, kept.RoutingKey);

        var replaced = Letter(message, "q", new DeadLetterRule("dlx", "new"));
        Assert.Empty(replaced.MoreKeys);
        Assert.Equal("new"u8, replaced.RoutingKey);

        var dead = DieBytes(message, "q", DeathReason.Rejected, new DeadLetterRule("dlx", "new"), Noon);
        Assert.True(HeadersOf(dead).ContainsKey("CC"));
        Assert.Empty(Letter(dead, "r", ToDlx).MoreKeys);
        var again = Deaths(DieBytes(dead, "r", DeathReason.Rejected, ToDlx, Noon));
        Assert.Equal([new FieldArray("new"), new FieldArray("key", "cc1", "cc2")], again.Select(death => death.TryGetValue("routing-keys", out var keys) && keys.TryGetArray(out var array) ? array : null));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("b", true)]
    [InlineData("c", false)]
    [InlineData("d", false)]
    [InlineData("never", false)]
    public void Cycle_IsOneWithoutAnyRejectionSinceTheTarget(string target, bool leadsRound)
    {
        var deaths = FieldArray.Empty;
        foreach (var (queue, reason) in new[] { ("d", DeathReason.Expired), ("c", DeathReason.Rejected), ("b", DeathReason.MaxLength), ("a", DeathReason.Expired) })
        {
            deaths = DeathHistory.Add(deaths, queue, reason);
        }

        Assert.Equal(leadsRound, DeathHistory.LeadsRound(deaths, target));
    }

    private static byte[] Record(BasicProperties properties, MessageFlags flags, long? expiry = null)
    {
        var encoded = properties.Encode();
        flags |= expiry is null ? MessageFlags.None : MessageFlags.HasExpiry;
        var bytes = new byte[MessageRecord.SizeOf(expiry is not null, 6, 3, encoded.Length, 4)];
        var body = MessageRecord.WriteHead(bytes, flags, properties.Priority ?? 0, expiry ?? 0, "source"u8, "key"u8, encoded, 4);
        "body"u8.CopyTo(bytes.AsSpan(body));
        return bytes;
    }

    private static DeadLetter Letter(byte[] record, string queue, DeadLetterRule rule) =>
        DeadLetter.From(new MessageRecord(record), queue, DeathReason.Rejected, rule, Noon);

    private static MessageRecord Die(byte[] record, string queue, DeathReason reason, DeadLetterRule rule, DateTimeOffset at) =>
        new(DieBytes(record, queue, reason, rule, at));

    private static byte[] DieBytes(byte[] record, string queue, DeathReason reason, DeadLetterRule rule, DateTimeOffset at)
    {
        var message = new MessageRecord(record);
        var letter = DeadLetter.From(message, queue, reason, rule, at);
        var bytes = new byte[letter.SizeWith(message.Body.Length)];
        letter.Write(bytes, message.Body);
        Assert.Equal(bytes.Length, MessageRecord.LengthOf(bytes));
        return bytes;
    }

    private static FieldTable HeadersOf(byte[] record) => BasicProperties.Decode(new MessageRecord(record).Properties).Headers!;

    private static FieldTable[] Deaths(byte[] record)
    {
        Assert.True(HeadersOf(record).TryGetValue("x-death", out var value) && value.TryGetArray(out _));
        return value.TryGetArray(out var deaths) ? [.. deaths.Select(death => death.TryGetTable(out var table) ? table : FieldTable.Empty)] : [];
    }

    private static string[] Summary(byte[] record) =>
        [.. Deaths(record).Select(death => $"{Text(death, "reason")} {Text(death, "queue")} {(death.TryGetValue("count", out var count) ? count : default)}")];

    private static string Text(FieldTable table, string key) => table.TryGetValue(key, out var value) && value.TryGetText(out var text) ? text : "(none)";
}
