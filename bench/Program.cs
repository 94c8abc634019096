using System.CommandLine;
using Granary.Bench.Amqp;
using Granary.Bench.Commands;
using Grpc.Core;

var root = new LoadCommand().Build();
root.Subcommands.Add(CheckCommand.Build());
root.Subcommands.Add(UsageCommand.Build());
root.Subcommands.Add(NullBrokerCommand.Build());
root.Subcommands.Add(BurstCommand.Build());
root.Subcommands.Add(ScaleCommand.Build());

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
    {
        Console.Error.WriteLine($"bench: {error.Message}");
    }

    return ExitCode.Usage;
}

try
{
    return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (StalledException error)
{
    Console.Error.WriteLine($"bench: {error.Message}");
    return ExitCode.Missing;
}
catch (Exception error) when (error is BrokerException or ArgumentException or InvalidOperationException or IOException or RpcException)
{
    Console.Error.WriteLine($"bench: {error.Message}");
    return ExitCode.Failed;
}
