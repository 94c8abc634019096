using System.CommandLine;
using Granary.Bench.Amqp;
using Granary.Bench.Load;
using Granary.Bench.Measure;

namespace Granary.Bench.Commands;

/// <summary>Many connections publish one large message each at the same moment: how much memory the broker takes for that, and how much a while later.</summary>
internal static class BurstCommand
{
    private const double Mebibyte = 1 << 20;

    public static Command Build()
    {
        var endpoint = new EndpointOptions();
        var pid = new Option<int>("--broker-pid") { Description = "The broker's process, of which and whose descendants the memory is read", Required = true };
        var connections = new Option<int>("--connections") { Description = "Publishers, queues and consumers", DefaultValueFactory = _ => 100 };
        var size = new Option<int>("--size") { Description = "Bytes of body", DefaultValueFactory = _ => 16 << 20 };
        var persistent = new Option<bool>("--persistent") { Description = "Messages in delivery mode 2 with confirms and acknowledgements, durable queues" };
        var rest = new Option<double>("--rest") { Description = "Seconds from the last delivery to the second look", DefaultValueFactory = _ => 60 };
        var most = new Option<double>("--most") { Description = "MiB that may be resident at any time", DefaultValueFactory = _ => double.PositiveInfinity };
        var mostAfter = new Option<double>("--most-after") { Description = "MiB that may be resident at the second look", DefaultValueFactory = _ => double.PositiveInfinity };
        var command = new Command("burst", "Publishes one large message on each of many connections at once; exit code 1 if the broker takes more memory than it may")
        {
            pid, connections, size, persistent, rest, most, mostAfter,
        };
        endpoint.AddTo(command);
        command.SetAction(parsed => Run(
            new LoadOptions
            {
                Endpoint = endpoint.Read(parsed),
                Producers = parsed.GetValue(connections),
                Consumers = parsed.GetValue(connections),
                Queues = parsed.GetValue(connections),
                Messages = parsed.GetValue(connections),
                Size = parsed.GetValue(size),
                Persistent = parsed.GetValue(persistent),
                ConfirmWindow = parsed.GetValue(persistent) ? 1 : 0,
                AckBatch = parsed.GetValue(persistent) ? 1 : 0,
                BrokerPid = parsed.GetValue(pid),
            },
            TimeSpan.FromSeconds(parsed.GetValue(rest)), parsed.GetValue(most), parsed.GetValue(mostAfter)));
        return command;
    }

    private static int Run(LoadOptions options, TimeSpan rest, double most, double mostAfter)
    {
        if ((options.Producers < 1 ? "--connections is a number from 1 on" : options.Refusal()) is { } refusal)
        {
            Console.Error.WriteLine($"bench: {refusal}");
            return ExitCode.Usage;
        }

        var broker = new ProcessTree(options.BrokerPid);
        var before = broker.Read().ResidentBytes / Mebibyte;
        var result = new LoadRun(options, options.Endpoint.IsGrpc ? new GrpcLoad(options) : new AmqpLoad(options)).Run();
        if (result.Missing > 0)
        {
            throw new StalledException($"{result.Missing} deliveries or confirms are missing");
        }

        Thread.Sleep(rest);
        var after = broker.Read().ResidentBytes / Mebibyte;
        Console.WriteLine($"resident: {before:0} MiB before, {result.BrokerRssMaxMib:0} at most, {after:0} after {rest.TotalSeconds:0} s");
        if (result.BrokerRssMaxMib > most || after > mostAfter)
        {
            Console.Error.WriteLine($"bench: the broker may have {most:0} MiB at any time, and {mostAfter:0} at the end");
            return ExitCode.Failed;
        }

        return ExitCode.Done;
    }
}
