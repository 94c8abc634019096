namespace Granary.Differ.Tests.Walk;

/// <summary>Draws sequences of operations. Each sequence has its own taste: which kinds it is mostly made of, and how often it is wrong.</summary>
internal sealed class Generator
{
    private static readonly string[] Kinds =
    [
        "queue.declare", "queue.delete", "queue.purge", "queue.bind", "queue.unbind", "exchange.declare", "exchange.delete", "exchange.bind", "exchange.unbind",
        "basic.publish", "basic.get", "basic.consume", "basic.cancel", "basic.qos", "basic.ack", "basic.nack", "basic.reject", "basic.recover", "basic.recover-async",
        "confirm.select", "tx.select", "tx.commit", "tx.rollback", "channel.flow", "channel.close", "connection.close", "access.request", "odd",
    ];

    private static readonly int[] Usual =
    [
        16, 3, 3, 8, 3, 8, 3, 3, 1,
        30, 12, 12, 4, 4, 12, 6, 6, 3, 1,
        4, 1, 2, 1, 1, 2, 1, 1, 1,
    ];

    private static readonly string[] ArgumentNames =
    [
        "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-overflow", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-priority",
        "x-single-active-consumer", "x-queue-type", "x-queue-mode", "x-queue-version", "x-delivery-limit", "x-unknown", "x-queue-master-locator",
        "x-dead-letter-strategy", "x-max-in-memory-length", "alternate-exchange", "x-priority", "x-max-age", "",
    ];

    private static readonly string[] Systems = ["", "amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match", "amq.rabbitmq.trace"];

    private readonly Random _random;
    private readonly int[] _weights;
    private readonly double _wrong;
    private readonly int _places;
    private readonly int _names;
    private readonly bool _isTimed;
    private readonly string? _queueType;
    private int _bodies;

    private Generator(int seed)
    {
        _random = new Random(seed);
        _wrong = Pick(0, 0.02, 0.02, 0.1, 0.3);
        _places = Pick(1, 2, 3, 5);
        _names = Pick(1, 2, 3, 4);
        _isTimed = _random.Next(12) == 0;
        _queueType = _random.Next(12) switch { 0 => "quorum", 1 when _random.Next(2) == 0 => "stream", _ => null };
        _weights = [.. Usual.Select(weight => _random.Next(4) == 0 ? 0 : weight * Pick(1, 1, 1, 2, 4))];
        if (_weights[0] == 0)
        {
            _weights[0] = 5;
        }
    }

    public static List<Operation> Draw(int seed)
    {
        var generator = new Generator(seed);
        var sequence = new List<Operation>();
        var count = generator._random.Next(8, 41);
        for (var i = 0; i < count; i++)
        {
            sequence.Add(generator.Next(sequence.Count));
            if (generator._isTimed && generator.Chance(0.3))
            {
                sequence.Add(new Operation("a1", "wait", new Fields { ["ms"] = 120 }));
            }
        }

        return sequence;
    }

    private Operation Next(int done)
    {
        var kind = done < 2 && Chance(0.8) ? "queue.declare" : Drawn();
        var place = _places == 1 ? "a1" : Pick("a1", "a2", "b1", "c1", "b2")[..2];
        var fields = kind switch
        {
            "queue.declare" => QueueDeclare(),
            "queue.delete" => new Fields { ["queue"] = Queue(), ["if-unused"] = Chance(0.3), ["if-empty"] = Chance(0.3), ["nowait"] = Chance(0.1) },
            "queue.purge" => new Fields { ["queue"] = Queue(), ["nowait"] = Chance(0.1) },
            "queue.bind" => new Fields { ["queue"] = Queue(), ["exchange"] = Exchange(), ["key"] = Key(), ["nowait"] = Chance(0.05), ["arguments"] = BindingArguments() },
            "queue.unbind" => new Fields { ["queue"] = Queue(), ["exchange"] = Exchange(), ["key"] = Key(), ["arguments"] = BindingArguments() },
            "exchange.declare" => ExchangeDeclare(),
            "exchange.delete" => new Fields { ["exchange"] = Exchange(), ["if-unused"] = Chance(0.3), ["nowait"] = Chance(0.1) },
            "exchange.bind" or "exchange.unbind" => new Fields
            {
                ["destination"] = Exchange(),
                ["source"] = Exchange(),
                ["key"] = Key(),
                ["nowait"] = Chance(0.1),
                ["arguments"] = BindingArguments(),
            },
            "basic.publish" => Publish(),
            "basic.get" => new Fields { ["queue"] = Queue(), ["no-ack"] = Chance(0.4) },
            "basic.consume" => Consume(),
            "basic.cancel" => new Fields { ["tag"] = ConsumerTag(), ["nowait"] = Chance(0.1) },
            "basic.qos" => new Fields { ["count"] = Pick(0, 1, 1, 2, 3, 65535), ["global"] = Chance(0.4), ["size"] = Chance(_wrong * 0.3) ? 100 : 0 },
            "basic.ack" => Settle(multiple: true, requeue: false),
            "basic.nack" => Settle(multiple: true, requeue: true),
            "basic.reject" => Settle(multiple: false, requeue: true),
            "basic.recover" or "basic.recover-async" => new Fields { ["without-requeue"] = Chance(_wrong) },
            "confirm.select" => new Fields { ["nowait"] = Chance(0.1) },
            "channel.flow" => new Fields { ["inactive"] = Chance(_wrong) },
            "access.request" => new Fields { ["realm"] = Pick("/data", "") },
            _ => [],
        };
        kind = kind == "odd" ? Pick(Frames.OddKinds) : kind;

        // What is false is the default, and is not shown.
        return new Operation(place, kind, new Fields(fields.Where(field => field.Value is not (false or 0 or Fields { Count: 0 }))));
    }

    private string Drawn()
    {
        var place = _random.Next(_weights.Sum());
        for (var i = 0; ; i++)
        {
            place -= _weights[i];
            if (place < 0)
            {
                return Kinds[i];
            }
        }
    }

    private Fields QueueDeclare()
    {
        var isWrong = Chance(_wrong);
        var arguments = new Fields();
        var isStream = _queueType == "stream" && Chance(0.7);
        var isQuorum = _queueType == "quorum" && Chance(0.7);
        if (isStream || isQuorum)
        {
            arguments["x-queue-type"] = _queueType;
        }

        for (var i = isStream ? 0 : Pick(0, 0, 1, 1, 2, 3); i > 0; i--)
        {
            var name = Pick(isWrong ? ArgumentNames : isQuorum ? QuorumNames : ClassicNames);
            arguments[name] = isWrong && Chance(0.5) ? AnyValue(2) : Argument(name);
        }

        var isPlain = isStream || isQuorum ? Chance(0.95) : Chance(0.4);
        return new Fields
        {
            ["queue"] = isStream || isQuorum ? Name('q') : Queue(),
            ["passive"] = Chance(0.1),
            ["durable"] = isStream || isQuorum ? Chance(0.97) : Chance(0.4),
            ["exclusive"] = !isPlain && Chance(0.4),
            ["auto-delete"] = !isPlain && Chance(0.4),
            ["nowait"] = Chance(0.05),
            ["arguments"] = arguments,
        };
    }

    private static readonly string[] ClassicNames =
    [
        "x-message-ttl", "x-expires", "x-max-length", "x-max-length", "x-max-length-bytes", "x-overflow", "x-dead-letter-exchange", "x-dead-letter-exchange",
        "x-dead-letter-routing-key", "x-max-priority", "x-single-active-consumer", "x-queue-type", "x-queue-mode", "x-queue-version", "x-unknown",
    ];

    private static readonly string[] QuorumNames =
    [
        "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-overflow", "x-dead-letter-exchange", "x-dead-letter-routing-key",
        "x-single-active-consumer", "x-delivery-limit",
    ];

    private object? Argument(string name) => name switch
    {
        "x-message-ttl" => _isTimed ? Pick<object>(0, 30, 30, 60_000L) : Pick<object>(0, 60_000, 3_600_000L, (short)30_000, "100"),
        "x-expires" => Pick<object>(60_000, 3_600_000L),
        "x-max-length" => Pick<object>(0, 1, 2, 3, 2L, (byte)1, (short)2),
        "x-max-length-bytes" => Pick<object>(0, 2, 5, 8L),
        "x-overflow" => Pick("drop-head", "reject-publish", "reject-publish-dlx"),
        "x-dead-letter-exchange" => Pick("", "", Name('x'), "amq.fanout", "amq.direct", "nowhere"),
        "x-dead-letter-routing-key" => Pick(Name('q'), Name('q'), "k", ""),
        "x-max-priority" => Pick<object>(0, 1, 2, 5, 10, (byte)3, 255),
        "x-single-active-consumer" => Chance(0.8),
        "x-queue-type" => Pick("classic", "classic", "quorum", "stream"),
        "x-queue-mode" => Pick("default", "lazy"),
        "x-queue-version" => Pick<object>(1, 2),
        "x-delivery-limit" => Pick<object>(0, 1, 2),
        _ => AnyValue(1),
    };

    private object? AnyValue(int depth) => _random.Next(depth > 0 ? 18 : 16) switch
    {
        0 => -1,
        1 => 0,
        2 => 1,
        3 => 5_000_000_000L,
        4 => Pick("", "abc", "12", "é", "classic"),
        5 => true,
        6 => false,
        7 => 1.5,
        8 => 2.5f,
        9 => null,
        10 => new byte[] { 1, 200 },
        11 => DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
        12 => (byte)200,
        13 => (sbyte)-3,
        14 => Pick<object>((short)-300, (ushort)60_000, 4_000_000_000u),
        15 => Pick<object>(ulong.MaxValue, long.MinValue, int.MinValue, 12.5m, -0.25m),
        16 => new List<object?> { AnyValue(depth - 1), AnyValue(depth - 1) }[.._random.Next(3)],
        _ => _random.Next(3) == 0 ? new Fields() : new Fields { ["a"] = AnyValue(depth - 1), ["b"] = AnyValue(depth - 1) },
    };

    private Fields ExchangeDeclare()
    {
        var isWrong = Chance(_wrong);
        var arguments = new Fields();
        if (Chance(0.2))
        {
            arguments["alternate-exchange"] = isWrong && Chance(0.5) ? AnyValue(1) : Pick(Name('x'), Name('x'), "amq.fanout", "nowhere", "");
        }

        if (isWrong && Chance(0.3))
        {
            arguments[Pick(ArgumentNames)] = AnyValue(1);
        }

        return new Fields
        {
            ["exchange"] = Chance(0.9) ? Name('x') : Exchange(),
            ["type"] = isWrong && Chance(0.4)
                ? Pick("x-unknown", " ", "Direct", "x-random", "x-consistent-hash", "fanout ")
                : Pick("direct", "fanout", "topic", "headers"),
            ["passive"] = Chance(0.1),
            ["durable"] = Chance(0.4),
            ["auto-delete"] = Chance(0.2),
            ["internal"] = Chance(0.1),
            ["nowait"] = Chance(0.05),
            ["arguments"] = arguments,
        };
    }

    private Fields BindingArguments()
    {
        var arguments = new Fields();
        if (Chance(0.25))
        {
            if (Chance(0.7))
            {
                arguments["x-match"] = Chance(_wrong) ? AnyValue(1) : Pick("all", "any", "all-with-x", "any-with-x");
            }

            for (var i = Pick(0, 1, 2); i > 0; i--)
            {
                arguments[Pick("a", "b", "x-c", "")] = AnyValue(1);
            }
        }

        return arguments;
    }

    private Fields Publish()
    {
        var isWrong = Chance(_wrong);
        var properties = new Fields();
        foreach (var _ in Enumerable.Range(0, Pick(0, 0, 1, 2, 4)))
        {
            var (name, value) = Property(isWrong);
            properties[name] = value;
        }

        var toQueue = Chance(0.6);
        return new Fields
        {
            ["exchange"] = toQueue ? "" : Exchange(),
            ["key"] = toQueue ? Queue() : Key(),
            ["body"] = Chance(0.03) ? "" : $"m{++_bodies}",
            ["size"] = Chance(0.03) ? Pick(5_000, 131_064, 131_065, 140_000, 300_000) : 0,
            ["frames"] = Chance(0.05) ? 3 : 0,
            ["mandatory"] = Chance(0.3),
            ["immediate"] = Chance(_wrong * 0.2),
            ["properties"] = properties,
        };
    }

    private (string, object?) Property(bool isWrong) => _random.Next(isWrong ? 16 : 13) switch
    {
        0 => ("content-type", Pick("text/plain", "")),
        1 => ("content-encoding", "utf-8"),
        2 or 3 => ("headers", Headers(isWrong)),
        4 or 5 => ("delivery-mode", Pick<byte>(1, 2, 2, 0, 3)),
        6 => ("priority", Pick<byte>(0, 1, 2, 5, 9, 200, 255)),
        7 => ("correlation-id", Pick("c1", "")),
        8 => ("message-id", "id"),
        9 => ("timestamp", Pick(0UL, 1_700_000_000UL, ulong.MaxValue)),
        10 => ("type", "kind"),
        11 => ("app-id", "app"),
        12 => ("expiration", _isTimed ? Pick("0", "30", "60000") : Pick("0", "60000", "3600000")),
        13 => ("user-id", Pick("guest", "somebody", "")),
        14 => ("expiration", Pick("", "-1", "abc", "1 ", " 1", "007", "99999999999", "4294967295", "4294967296", "1.0", "+5")),
        _ => ("reply-to", Pick("amq.rabbitmq.reply-to", "q1", "")),
    };

    private Fields Headers(bool isWrong)
    {
        var headers = new Fields();
        foreach (var _ in Enumerable.Range(0, Pick(0, 1, 1, 2, 3)))
        {
            var name = Pick("a", "b", "x-c", "CC", "BCC", "x-death", "x-first-death-queue", "x-delivery-count", "é");
            headers[name] = name is "CC" or "BCC" && !(isWrong && Chance(0.4))
                ? Enumerable.Range(0, Pick(0, 1, 2)).Select(_ => (object?)Key()).ToList()
                : name is "x-death" or "x-first-death-queue" or "x-delivery-count" && !Chance(0.3) ? "mine" : AnyValue(2);
        }

        return headers;
    }

    private Fields Consume()
    {
        var arguments = new Fields();
        if (Chance(0.15))
        {
            arguments["x-priority"] = Chance(_wrong) ? AnyValue(1) : Pick<object>(0, 1, -1, 10L);
        }

        if (_queueType == "stream" && Chance(0.6))
        {
            arguments["x-stream-offset"] = Chance(_wrong) ? AnyValue(1) : Pick<object>("first", "next", 0, 1, "last");
        }

        return new Fields
        {
            ["queue"] = Queue(),
            ["tag"] = Chance(0.85) ? Name('t') : "",
            ["no-ack"] = Chance(_queueType == "stream" ? 0.05 : 0.4),
            ["exclusive"] = Chance(0.1),
            ["no-local"] = Chance(0.1),
            ["nowait"] = Chance(0.05),
            ["arguments"] = arguments,
        };
    }

    private string ConsumerTag() => Chance(0.9) ? Name('t') : Pick("@1", "@2", "none", "");

    private Fields Settle(bool multiple, bool requeue)
    {
        var fields = new Fields { ["pick"] = _random.Next(6), ["settled"] = Chance(_wrong * 0.5), ["multiple"] = multiple && Chance(0.3), ["requeue"] = requeue && Chance(0.6) };
        if (Chance(_wrong * 0.5) || (multiple && Chance(0.05)))
        {
            fields["tag"] = Chance(0.7) ? 0 : Pick(1, 2, 99);
            fields["multiple"] = multiple && Chance(0.8);
        }

        return fields;
    }

    private string Queue() => Chance(0.85) ? Name('q') : Pick("", "@1", "q9", "amq.mine", "line\r\nend");

    private string Exchange() => Chance(0.7) ? Name('x') : Chance(0.9) ? Pick(Systems) : Pick("x9", "amq.other");

    private string Key() => Pick("k", "k", "a.b", "a.*", "#", "a.#", "", Name('q'), Name('q'));

    private string Name(char kind) => $"{kind}{_random.Next(1, _names + 1)}";

    private bool Chance(double share) => _random.NextDouble() < share;

    private T Pick<T>(params T[] all) => all[_random.Next(all.Length)];
}
