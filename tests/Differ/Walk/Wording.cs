using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Granary.Testing.Wire;

namespace Granary.Differ.Tests.Walk;

/// <summary>Names of one sequence at one broker: short ones in operations and in what is shown, long ones on the wire.</summary>
/// <param name="run">Tells sequences apart.</param>
internal sealed partial class Wording(string run)
{
    private readonly List<string> _given = [];
    private readonly Lock _gate = new();

    /// <summary>A text for the wire: q1 and x1 are queues and exchanges of the sequence, @1 is the first name that the broker gave.</summary>
    public string Fill(string text)
    {
        if (ShortName().IsMatch(text))
        {
            return $"{text}.{run}";
        }

        if (text is not ['@', ..])
        {
            return text;
        }

        lock (_gate)
        {
            var place = int.Parse(text.AsSpan(1), CultureInfo.InvariantCulture) - 1;
            return place < _given.Count ? _given[place] : text;
        }
    }

    public object? Fill(object? value) => value switch
    {
        string text => Fill(text),
        Fields table => new Fields(table.Select(field => KeyValuePair.Create(field.Key, Fill(field.Value)))),
        List<object?> list => list.Select(Fill).ToList(),
        _ => value,
    };

    public Fields? FillTable(Fields? table) => (Fields?)Fill((object?)table);

    /// <summary>A text of the broker as it is shown and compared.</summary>
    public string Shown(string text) => GivenName().Replace(text.Replace($".{run}", "", StringComparison.Ordinal), match => $"@{NumberOf(match.Value)}");

    private int NumberOf(string name)
    {
        lock (_gate)
        {
            var place = _given.IndexOf(name);
            if (place < 0)
            {
                _given.Add(name);
                place = _given.Count - 1;
            }

            return place + 1;
        }
    }

    [GeneratedRegex("^[qxt][0-9]$")]
    private static partial Regex ShortName();

    [GeneratedRegex(@"amq\.gen-[A-Za-z0-9_-]{22}|amq\.ctag-[A-Za-z0-9_-]{22}|amq\.rabbitmq\.reply-to\.[A-Za-z0-9_.+/=-]+")]
    private static partial Regex GivenName();
}

/// <summary>Operations as frames.</summary>
internal static class Frames
{
    /// <summary>The bytes of an operation on a channel.</summary>
    /// <param name="tag">The delivery that it means.</param>
    public static byte[] Of(Operation one, ushort channel, Wording names, ulong tag)
    {
        if (one.Kind == "basic.publish")
        {
            return Publish(one, channel, names);
        }

        return Method(one, names, tag) is { } method ? Frame(WireFrame.MethodType, channel, method) : Odd(one.Kind, channel, names);
    }

    /// <summary>What any open channel answers.</summary>
    public static byte[] ChannelFlow(ushort channel) => Frame(WireFrame.MethodType, channel, WireMethods.ChannelFlow(active: true));

    /// <summary>The method that has to come when all is well; null: none.</summary>
    public static (ushort Class, ushort Method)? AnswerOf(Operation one) => one.Flag("nowait") ? null : one.Kind switch
    {
        "access.request" => (30, 11),
        "exchange.declare" => (40, 11),
        "exchange.delete" => (40, 21),
        "exchange.bind" => (40, 31),
        "exchange.unbind" => (40, 51),
        "queue.declare" => (50, 11),
        "queue.bind" => (50, 21),
        "queue.purge" => (50, 31),
        "queue.delete" => (50, 41),
        "queue.unbind" => (50, 51),
        "basic.qos" => (60, 11),
        "basic.consume" => (60, 21),
        "basic.cancel" => (60, 31),
        "basic.get" => (60, 71),
        "basic.recover" => (60, 111),
        "confirm.select" => (85, 11),
        "tx.select" => (90, 11),
        "tx.commit" => (90, 21),
        "tx.rollback" => (90, 31),
        "channel.flow" => (20, 21),
        "channel.close" => (20, 41),
        "connection.close" => (10, 51),
        _ => null,
    };

    private static byte[]? Method(Operation one, Wording names, ulong tag)
    {
        string Text(string name) => names.Fill(one.Text(name));
        var arguments = names.FillTable(one.Table("arguments"));
        var writer = one.Kind switch
        {
            "access.request" => WireWriter.Method(30, 10).ShortString(Text("realm")).Octet(0),
            "exchange.declare" => WireWriter.Method(40, 10).Short(0).ShortString(Text("exchange")).ShortString(one.Text("type") is { Length: > 0 } type ? type : "direct")
                .Bits(one.Flag("passive"), one.Flag("durable"), one.Flag("auto-delete"), one.Flag("internal"), one.Flag("nowait")).Table(arguments),
            "exchange.delete" => WireWriter.Method(40, 20).Short(0).ShortString(Text("exchange")).Bits(one.Flag("if-unused"), one.Flag("nowait")),
            "exchange.bind" => WireWriter.Method(40, 30).Short(0).ShortString(Text("destination")).ShortString(Text("source")).ShortString(Text("key"))
                .Bits(one.Flag("nowait")).Table(arguments),
            "exchange.unbind" => WireWriter.Method(40, 40).Short(0).ShortString(Text("destination")).ShortString(Text("source")).ShortString(Text("key"))
                .Bits(one.Flag("nowait")).Table(arguments),
            "queue.declare" => WireWriter.Method(50, 10).Short(0).ShortString(Text("queue"))
                .Bits(one.Flag("passive"), one.Flag("durable"), one.Flag("exclusive"), one.Flag("auto-delete"), one.Flag("nowait")).Table(arguments),
            "queue.bind" => WireWriter.Method(50, 20).Short(0).ShortString(Text("queue")).ShortString(Text("exchange")).ShortString(Text("key"))
                .Bits(one.Flag("nowait")).Table(arguments),
            "queue.unbind" => WireWriter.Method(50, 50).Short(0).ShortString(Text("queue")).ShortString(Text("exchange")).ShortString(Text("key")).Table(arguments),
            "queue.purge" => WireWriter.Method(50, 30).Short(0).ShortString(Text("queue")).Bits(one.Flag("nowait")),
            "queue.delete" => WireWriter.Method(50, 40).Short(0).ShortString(Text("queue")).Bits(one.Flag("if-unused"), one.Flag("if-empty"), one.Flag("nowait")),
            "basic.qos" => WireWriter.Method(60, 10).Long((uint)one.Number("size")).Short((ushort)one.Number("count")).Bits(one.Flag("global")),
            "basic.consume" => WireWriter.Method(60, 20).Short(0).ShortString(Text("queue")).ShortString(Text("tag"))
                .Bits(one.Flag("no-local"), one.Flag("no-ack"), one.Flag("exclusive"), one.Flag("nowait")).Table(arguments),
            "basic.cancel" => WireWriter.Method(60, 30).ShortString(Text("tag")).Bits(one.Flag("nowait")),
            "basic.get" => WireWriter.Method(60, 70).Short(0).ShortString(Text("queue")).Bits(one.Flag("no-ack")),
            "basic.ack" => WireWriter.Method(60, 80).LongLong(tag).Bits(one.Flag("multiple")),
            "basic.reject" => WireWriter.Method(60, 90).LongLong(tag).Bits(one.Flag("requeue")),
            "basic.nack" => WireWriter.Method(60, 120).LongLong(tag).Bits(one.Flag("multiple"), one.Flag("requeue")),
            "basic.recover" => WireWriter.Method(60, 110).Bits(!one.Flag("without-requeue")),
            "basic.recover-async" => WireWriter.Method(60, 100).Bits(!one.Flag("without-requeue")),
            "confirm.select" => WireWriter.Method(85, 10).Bits(one.Flag("nowait")),
            "tx.select" => WireWriter.Method(90, 10),
            "tx.commit" => WireWriter.Method(90, 20),
            "tx.rollback" => WireWriter.Method(90, 30),
            "channel.flow" => WireWriter.Method(20, 20).Bits(!one.Flag("inactive")),
            "channel.close" => WireWriter.Method(20, 40).Short(200).ShortString("bye").Short(0).Short(0),
            "connection.close" => WireWriter.Method(10, 50).Short(200).ShortString("bye").Short(0).Short(0),
            _ => null,
        };
        return writer?.ToArray();
    }

    private static byte[] Publish(Operation one, ushort channel, Wording names)
    {
        var method = WireMethods.BasicPublish(names.Fill(one.Text("exchange")), names.Fill(one.Text("key")), one.Flag("mandatory"), one.Flag("immediate"));
        var body = BodyOf(one);
        var (flags, properties) = PropertiesOf(one, names).Write();
        var bytes = new List<byte>();
        bytes.AddRange(Frame(WireFrame.MethodType, channel, method));
        bytes.AddRange(Frame(WireFrame.HeaderType, channel, WireMethods.Header((ulong)body.Length, flags, properties)));
        foreach (var part in body.Chunk(one.Number("frames") is > 1 and var frames ? Math.Max(1, body.Length / frames) : 131064))
        {
            bytes.AddRange(Frame(WireFrame.BodyType, channel, part));
        }

        return [.. bytes];
    }

    private static byte[] BodyOf(Operation one)
    {
        var name = Encoding.UTF8.GetBytes(one.Text("body"));
        var size = one.Number("size");
        return size <= name.Length ? name : [.. name, .. Enumerable.Range(0, size - name.Length).Select(i => (byte)(i * 7))];
    }

    private static WireProperties PropertiesOf(Operation one, Wording names)
    {
        var given = names.FillTable(one.Table("properties")) ?? [];
        string? Text(string name) => given.GetValueOrDefault(name) as string;
        return new WireProperties
        {
            ContentType = Text("content-type"),
            ContentEncoding = Text("content-encoding"),
            Headers = given.GetValueOrDefault("headers") as Fields,
            DeliveryMode = given.GetValueOrDefault("delivery-mode") as byte?,
            Priority = given.GetValueOrDefault("priority") as byte?,
            CorrelationId = Text("correlation-id"),
            ReplyTo = Text("reply-to"),
            Expiration = Text("expiration"),
            MessageId = Text("message-id"),
            Timestamp = given.GetValueOrDefault("timestamp") as ulong?,
            Type = Text("type"),
            UserId = Text("user-id"),
            AppId = Text("app-id"),
            ClusterId = Text("cluster-id"),
        };
    }

    /// <summary>What no client should send.</summary>
    private static byte[] Odd(string kind, ushort channel, Wording names)
    {
        var publish = Frame(WireFrame.MethodType, channel, WireMethods.BasicPublish("", names.Fill("q1")));
        byte[] Header(ulong size, ushort classId = 60) => Frame(WireFrame.HeaderType, channel, WireMethods.Header(size, classId: classId));
        byte[] OfMethod(byte[] method, ushort? at = null) => Frame(WireFrame.MethodType, at ?? channel, method);
        var three = Frame(WireFrame.BodyType, channel, "abc"u8.ToArray());
        return kind switch
        {
            "odd.header-first" => Header(3),
            "odd.body-first" => three,
            "odd.publish-publish" => [.. publish, .. publish],
            "odd.publish-body" => [.. publish, .. three],
            "odd.publish-header-method" => [.. publish, .. Header(3), .. OfMethod(WireMethods.BasicQos(0, 1))],
            "odd.publish-header-header" => [.. publish, .. Header(3), .. Header(3)],
            "odd.header-class" => [.. publish, .. Header(3, classId: 50)],
            "odd.body-too-long" => [.. publish, .. Header(2), .. three],
            "odd.body-after-empty" => [.. publish, .. Header(0), .. three],
            "odd.empty-body-frame" => [.. publish, .. Header(3), .. Frame(WireFrame.BodyType, channel, []), .. three],
            "odd.properties-cut" => [.. publish, .. Frame(WireFrame.HeaderType, channel, WireMethods.Header(0, flags: 0x8000, properties: [5, 1]))],
            "odd.properties-more" => [.. publish, .. Frame(WireFrame.HeaderType, channel, WireMethods.Header(0, flags: 0x8000, properties: [1, 65, 66]))],
            "odd.properties-unknown-flag" => [.. publish, .. Frame(WireFrame.HeaderType, channel, WireMethods.Header(0, flags: 0x0002))],
            "odd.properties-continued" => [.. publish, .. Frame(WireFrame.HeaderType, channel, WireMethods.Header(0, flags: 0x0001, properties: [0, 0]))],
            "odd.headers-bad-type" => [.. publish, .. Frame(WireFrame.HeaderType, channel, WireMethods.Header(0, flags: 0x2000, properties: [0, 0, 0, 4, 1, 65, (byte)'Z', 0]))],
            "odd.arguments-bad-type" => OfMethod([.. WireWriter.Method(50, 10).Short(0).ShortString(names.Fill("q1")).Bits(false).ToArray(), 0, 0, 0, 4, 1, 65, (byte)'Z', 0]),
            "odd.method-cut" => OfMethod(WireMethods.QueuePurge(names.Fill("q1"))[..8]),
            "odd.method-more" => OfMethod([.. WireMethods.BasicQos(0, 1), 1, 2, 3]),
            "odd.method-of-two-bytes" => OfMethod([0, 60]),
            "odd.unknown-method" => OfMethod([0, 60, 0, 200]),
            "odd.unknown-class" => OfMethod([0, 77, 0, 10]),
            "odd.server-method" => OfMethod(WireWriter.Method(50, 11).ShortString("q").Long(0).Long(0).ToArray()),
            "odd.deliver" => OfMethod(WireWriter.Method(60, 60).ShortString("t").LongLong(1).Bits(false).ShortString("").ShortString("").ToArray()),
            "odd.channel-open-twice" => OfMethod(WireMethods.ChannelOpen()),
            "odd.channel-close-ok" => OfMethod(WireMethods.ChannelCloseOk()),
            "odd.channel-flow-ok" => OfMethod(WireWriter.Method(20, 21).Bits(true).ToArray()),
            "odd.not-open" => OfMethod(WireMethods.BasicQos(0, 1), at: 9),
            "odd.close-not-open" => OfMethod(WireMethods.ChannelClose(), at: 9),
            "odd.close-ok-not-open" => OfMethod(WireMethods.ChannelCloseOk(), at: 9),
            "odd.publish-not-open" => [.. OfMethod(WireMethods.BasicPublish("", "q"), at: 9), .. Frame(WireFrame.HeaderType, 9, WireMethods.Header(0))],
            "odd.channel-too-high" => OfMethod(WireMethods.ChannelOpen(), at: 2048),
            "odd.on-channel-0" => OfMethod(WireMethods.BasicQos(0, 1), at: 0),
            "odd.channel-open-0" => OfMethod(WireMethods.ChannelOpen(), at: 0),
            "odd.header-on-0" => Frame(WireFrame.HeaderType, 0, WireMethods.Header(0)),
            "odd.body-on-0" => Frame(WireFrame.BodyType, 0, [1]),
            "odd.connection-method-on-channel" => OfMethod(WireMethods.ConnectionClose()),
            "odd.connection-open-again" => OfMethod(WireMethods.ConnectionOpen(), at: 0),
            "odd.start-ok-again" => OfMethod(WireMethods.StartOk(), at: 0),
            "odd.tune-ok-again" => OfMethod(WireMethods.TuneOk(), at: 0),
            "odd.connection-close-ok" => OfMethod(WireMethods.ConnectionCloseOk(), at: 0),
            "odd.secure-ok" => OfMethod(WireWriter.Method(10, 21).LongString("x").ToArray(), at: 0),
            "odd.update-secret" => OfMethod(WireWriter.Method(10, 70).LongString("guest").ShortString("why").ToArray(), at: 0),
            "odd.unknown-on-0" => OfMethod([0, 10, 0, 99], at: 0),
            "odd.frame-type" => Frame(4, channel, [1, 2]),
            "odd.frame-type-0" => Frame(0, channel, []),
            "odd.heartbeat-on-channel" => Frame(WireFrame.HeartbeatType, channel, []),
            "odd.heartbeat-with-payload" => Frame(WireFrame.HeartbeatType, 0, [1]),
            "odd.empty-method-frame" => Frame(WireFrame.MethodType, channel, []),
            "odd.frame-end" => [1, (byte)(channel >> 8), (byte)channel, 0, 0, 0, 4, 0, 90, 0, 10, 0xCD],
            "odd.frame-too-large" => [3, (byte)(channel >> 8), (byte)channel, 0, 2, 0, 1],
            _ => throw new ArgumentException($"There is no operation {kind}.", nameof(kind)),
        };
    }

    public static readonly string[] OddKinds =
    [
        "odd.header-first", "odd.body-first", "odd.publish-publish", "odd.publish-body", "odd.publish-header-method", "odd.publish-header-header", "odd.header-class",
        "odd.body-too-long", "odd.body-after-empty", "odd.empty-body-frame", "odd.properties-cut", "odd.properties-more", "odd.properties-unknown-flag",
        "odd.properties-continued", "odd.headers-bad-type", "odd.arguments-bad-type", "odd.method-cut", "odd.method-more", "odd.method-of-two-bytes", "odd.unknown-method",
        "odd.unknown-class", "odd.server-method", "odd.deliver", "odd.channel-open-twice", "odd.channel-close-ok", "odd.channel-flow-ok", "odd.not-open", "odd.close-not-open",
        "odd.close-ok-not-open", "odd.publish-not-open", "odd.channel-too-high", "odd.on-channel-0", "odd.channel-open-0", "odd.header-on-0", "odd.body-on-0",
        "odd.connection-method-on-channel", "odd.connection-open-again", "odd.start-ok-again", "odd.tune-ok-again", "odd.connection-close-ok", "odd.secure-ok",
        "odd.update-secret", "odd.unknown-on-0", "odd.frame-type", "odd.frame-type-0", "odd.heartbeat-on-channel", "odd.heartbeat-with-payload", "odd.empty-method-frame",
        "odd.frame-end", "odd.frame-too-large",
    ];

    private static byte[] Frame(byte type, ushort channel, byte[] payload) => new WireFrame(type, channel, payload).ToBytes();
}
