using System.CommandLine;
using System.Diagnostics;
using Granary.Bench.Amqp;

namespace Granary.Bench.Commands;

/// <summary>Waits until a broker takes connections: for scripts that start one.</summary>
internal static class CheckCommand
{
    public static Command Build()
    {
        var endpoint = new EndpointOptions();
        var wait = new Option<double>("--wait") { Description = "Seconds to wait for the broker" };
        var command = new Command("check", "Connects, logs in and opens a channel; exit code 0 if that went well") { wait };
        endpoint.AddTo(command);
        command.SetAction(parsed => Run(endpoint.Read(parsed), TimeSpan.FromSeconds(parsed.GetValue(wait))));
        return command;
    }

    private static int Run(Endpoint endpoint, TimeSpan wait)
    {
        if (endpoint.IsGrpc)
        {
            Console.Error.WriteLine("bench: check connects over AMQP; for gRPC there is its health service");
            return ExitCode.Usage;
        }

        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using var connection = AmqpConnection.Open(endpoint, TimeSpan.FromSeconds(10));
                connection.Close();
                return ExitCode.Done;
            }
            catch (BrokerException) when (Stopwatch.GetElapsedTime(since) < wait)
            {
                Thread.Sleep(100);
            }
        }
    }
}
