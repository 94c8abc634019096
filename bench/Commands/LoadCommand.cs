using System.CommandLine;
using Granary.Bench.Amqp;
using Granary.Bench.Load;

namespace Granary.Bench.Commands;

/// <summary>The root command: one run of load over AMQP 0-9-1 or Granary's gRPC.</summary>
internal sealed class LoadCommand
{
    private static readonly TimeSpan DefaultDuration = TimeSpan.FromSeconds(5);

    private readonly EndpointOptions _endpoint = new();
    private readonly Option<int> _producers = Number("--producers", 1, "Connections that publish");
    private readonly Option<int> _consumers = Number("--consumers", 1, "Connections that consume; they share out the queues");
    private readonly Option<int> _queues = Number("--queues", 1, "Queues");
    private readonly Option<int> _size = Number("--size", 16, "Bytes of body");
    private readonly Option<bool> _durable = new("--durable") { Description = "Durable queues and exchange" };
    private readonly Option<bool> _persistent = new("--persistent") { Description = "Messages in delivery mode 2, durable queues and exchange" };
    private readonly Option<string> _queueType = new("--queue-type") { Description = "x-queue-type of the queues", DefaultValueFactory = _ => "" };
    private readonly Option<int> _confirmWindow = Number("--confirm-window", 0, "Unconfirmed publishes per producer; 0 = no confirms");
    private readonly Option<int> _prefetch = Number("--prefetch", 0, "Prefetch of each consumer; 0 = unlimited");
    private readonly Option<int> _ackBatch = Number("--ack-batch", 0, "Acknowledge every so many deliveries, with multiple; 0 = no-ack");
    private readonly Option<double> _rate = new("--rate") { Description = "Messages per second in all, with latencies; 0 = full speed" };
    private readonly Option<long> _messages = new("--messages") { Description = "Messages over all producers" };
    private readonly Option<double> _duration = new("--duration") { Description = "Seconds to publish or to hold idle connections (5)" };
    private readonly Option<double> _warmup = new("--warmup")
    {
        Description = "Seconds from the start of which no latency is recorded",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<string?> _exchange = new("--exchange") { Description = "Exchange to declare, bind and publish to; amq.* is only bound" };
    private readonly Option<string?> _exchangeType = new("--exchange-type") { Description = "direct, topic, fanout or headers (direct)" };
    private readonly Option<int> _routingKeys = Number("--routing-keys", 0, "Routing keys, used in turn and spread over the queues (one per queue)");
    private readonly Option<int> _bindings = Number("--bindings", 0, "Further bindings of the exchange, that match nothing (patterns if topic)");
    private readonly Option<bool> _onePerPacket = new("--one-per-packet") { Description = "One socket write per message, as simple clients do" };
    private readonly Option<bool> _lateConsumers = new("--late-consumers") { Description = "Consume when all is published: the drain of a backlog" };
    private readonly Option<int> _idle = Number("--idle-connections", 0, "Connections with a channel each that do nothing during the run");
    private readonly Option<int> _brokerPid = Number("--broker-pid", 0, "The broker's process: reports CPU and memory of it and its descendants");
    private readonly Option<double> _patience = new("--patience")
    {
        Description = "Seconds without progress after which the run is given up",
        DefaultValueFactory = _ => 60,
    };

    private readonly Option<string> _prefix = new("--prefix")
    {
        Description = "Start of the queues' names; queues of these names are deleted first",
        DefaultValueFactory = _ => "bench",
    };

    private readonly Option<bool> _keep = new("--keep") { Description = "Leave queues and exchange behind" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one line of JSON" };

    public RootCommand Build()
    {
        var root = new RootCommand(
            "Load generator for AMQP 0-9-1 brokers, and for Granary over gRPC. Exit codes: 0 done, 1 the broker refused or failed, 2 usage, 3 something did not arrive.");
        _endpoint.AddTo(root);
        _exchangeType.AcceptOnlyFromAmong("direct", "topic", "fanout", "headers");
        Option[] options =
        [
            _producers, _consumers, _queues, _size, _durable, _persistent, _queueType, _confirmWindow, _prefetch, _ackBatch, _rate, _messages,
            _duration, _warmup, _exchange, _exchangeType, _routingKeys, _bindings, _onePerPacket, _lateConsumers, _idle, _brokerPid, _patience,
            _prefix, _keep, _json,
        ];
        foreach (var option in options)
        {
            root.Options.Add(option);
        }

        foreach (var option in (Option<double>[])[_rate, _duration, _warmup, _patience])
        {
            option.Validators.Add(result =>
            {
                if (result.GetValueOrDefault<double>() is not (>= 0 and <= 1e9))
                {
                    result.AddError($"{option.Name} is a number from 0 on");
                }
            });
        }

        root.SetAction(parsed => Run(Read(parsed), parsed.GetValue(_json)));
        return root;
    }

    private static int Run(LoadOptions options, bool json)
    {
        if (options.Refusal() is { } refusal)
        {
            Console.Error.WriteLine($"bench: {refusal}");
            return ExitCode.Usage;
        }

        var result = new LoadRun(options, options.Endpoint.IsGrpc ? new GrpcLoad(options) : new AmqpLoad(options)).Run();
        LoadReport.Write(result, json, Console.Out);
        if (result.Missing > 0)
        {
            throw new StalledException($"{result.Missing} deliveries or confirms are missing");
        }

        return ExitCode.Done;
    }

    private LoadOptions Read(ParseResult parsed)
    {
        var type = parsed.GetValue(_exchangeType);
        var exchange = parsed.GetValue(_exchange);
        var messages = parsed.GetValue(_messages);
        var duration = TimeSpan.FromSeconds(parsed.GetValue(_duration));
        return new LoadOptions
        {
            Endpoint = _endpoint.Read(parsed),
            Producers = parsed.GetValue(_producers),
            Consumers = parsed.GetValue(_consumers),
            Queues = parsed.GetValue(_queues),
            Size = parsed.GetValue(_size),
            Durable = parsed.GetValue(_durable),
            Persistent = parsed.GetValue(_persistent),
            QueueType = parsed.GetValue(_queueType) ?? "",
            ConfirmWindow = parsed.GetValue(_confirmWindow),
            Prefetch = parsed.GetValue(_prefetch),
            AckBatch = parsed.GetValue(_ackBatch),
            Rate = parsed.GetValue(_rate),
            Messages = messages,
            Duration = messages == 0 && duration == TimeSpan.Zero ? DefaultDuration : duration,
            Warmup = TimeSpan.FromSeconds(parsed.GetValue(_warmup)),
            Exchange = exchange ?? (type is null ? "" : $"{parsed.GetValue(_prefix)}.{type}"),
            ExchangeType = type ?? (string.IsNullOrEmpty(exchange) ? "" : TypeOf(exchange)),
            RoutingKeys = parsed.GetValue(_routingKeys),
            Bindings = parsed.GetValue(_bindings),
            OnePerPacket = parsed.GetValue(_onePerPacket),
            LateConsumers = parsed.GetValue(_lateConsumers),
            IdleConnections = parsed.GetValue(_idle),
            BrokerPid = parsed.GetValue(_brokerPid),
            Patience = TimeSpan.FromSeconds(parsed.GetValue(_patience)),
            Prefix = parsed.GetValue(_prefix) ?? "bench",
            Keep = parsed.GetValue(_keep),
        };
    }

    /// <summary>The type of a predeclared exchange stands in its name.</summary>
    private static string TypeOf(string exchange) => exchange switch
    {
        "amq.topic" => "topic",
        "amq.fanout" => "fanout",
        "amq.headers" or "amq.match" => "headers",
        _ => "direct",
    };

    private static Option<int> Number(string name, int value, string description)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError($"{name} is a number from 0 on");
            }
        });
        return option;
    }
}
