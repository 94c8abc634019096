using System.CommandLine;
using Granary.Bench.Scaling;

namespace Granary.Bench.Commands;

/// <summary>Says by a simulation what becomes of a cluster that no machine here can run.</summary>
internal static class ScaleCommand
{
    public static Command Build()
    {
        var usual = new Assumptions();
        var silos = Number("--silos", "Processes that have queues", usual.Silos);
        var gateways = Number("--gateways", "Processes that have clients", usual.Gateways);
        var queues = Number("--queues", "Queues", usual.Queues);
        var databases = Number("--databases", "PostgreSQL servers that queues are spread over", usual.Databases);
        var seed = Number("--seed", "Begins the random numbers", usual.Seed);
        var rate = new Option<double>("--rate") { Description = "Persistent messages of 1 KiB a second, over all queues", DefaultValueFactory = _ => usual.MessagesPerSecond };
        var skew = new Option<double>("--skew") { Description = "Exponent of Zipf's law; 0 makes all queues alike", DefaultValueFactory = _ => usual.Skew };
        var command = new Command("scale", "Simulates a large cluster: load, losses, restarts, databases (docs/scaling.md)") { silos, gateways, queues, databases, seed, rate, skew };
        command.SetAction(parsed =>
        {
            var given = usual with
            {
                Silos = parsed.GetValue(silos),
                Gateways = parsed.GetValue(gateways),
                Queues = parsed.GetValue(queues),
                Databases = parsed.GetValue(databases),
                Seed = parsed.GetValue(seed),
                MessagesPerSecond = parsed.GetValue(rate),
                Skew = parsed.GetValue(skew),
            };
            given.Check();
            new Report(given, Console.Out).Write();
            return ExitCode.Done;
        });
        return command;
    }

    private static Option<int> Number(string name, string description, int usual) => new(name) { Description = description, DefaultValueFactory = _ => usual };
}
