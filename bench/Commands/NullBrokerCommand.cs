using System.CommandLine;
using Granary.Bench.Calibration;

namespace Granary.Bench.Commands;

/// <summary>Runs the broker that does nothing, to see what the generator itself can do on a machine.</summary>
internal static class NullBrokerCommand
{
    public static Command Build()
    {
        var port = new Option<int>("--port") { Description = "Port on 127.0.0.1; 0 = any free one, printed", DefaultValueFactory = _ => 0 };
        var command = new Command("null-broker", "Counts publishes and makes up deliveries: shows the generator's own limit") { port };
        command.SetAction(parsed =>
        {
            using var broker = new NullBroker(parsed.GetValue(port));
            Console.WriteLine(broker.Port);
            broker.Serve();
            return ExitCode.Done;
        });
        return command;
    }
}
