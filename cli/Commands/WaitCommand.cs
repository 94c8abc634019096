using System.Diagnostics;
using System.Globalization;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>Waits for a node by the id of its process, as scripts do that have just started it.</summary>
internal static class WaitCommand
{
    private const double Timeout = 10;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public static Command Of => new("wait", "Nodes", "Waits for RabbitMQ node startup by monitoring a local PID file. See also 'rabbitmqctl await_online_nodes'", "[<pidfile>] [--pid|-P <pid>]")
    {
        MostWords = 1,
        Timeout = Timeout,
        Options = [new("pid", 'P', HasValue: true)],
        Check = static call =>
        {
            if (call["pid"] is { } pid && !int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            {
                throw CommandException.NotValid($"Invalid options for this command:\n-P : {pid}");
            }

            if (call.Words.Count == 0 && call["pid"] is null)
            {
                throw CommandException.NotValid("\"No pid or pidfile specified\"");
            }

            if (call.Words.Count > 0 && call["pid"] is not null)
            {
                throw CommandException.NotValid("\"Cannot specify both pid and pidfile\"");
            }
        },
        Run = static call => Task.FromResult<Answer>(new StreamAnswer(RunAsync(call))),
    };

    private static async IAsyncEnumerable<string> RunAsync(CommandCall call)
    {
        var began = Stopwatch.GetTimestamp();
        var node = call["node"] is { } named && named.Contains('@', StringComparison.Ordinal) ? named : NodeCommands.LocalName;
        int process;
        if (call["pid"] is { } pid)
        {
            process = int.Parse(pid, CultureInfo.InvariantCulture);
        }
        else
        {
            yield return $"Waiting for pid file '{call.Words[0]}' to appear";
            process = await ReadAsync(call, node, began);
            yield return $"pid is {process}";
        }

        yield return $"Waiting for erlang distribution on node '{node}' while OS process '{process}' is running";
        while (Runs(process) ? !await AnswersAsync(call) : throw new CommandException(ExitCode.Unavailable, "process_not_running"))
        {
            await PauseAsync(call, node, began);
        }

        yield return $"Waiting for applications 'rabbit_and_plugins' to start on node '{node}'";
        yield return $"Applications 'rabbit_and_plugins' are running on node '{node}'";
    }

    private static async Task<int> ReadAsync(CommandCall call, string node, long began)
    {
        while (true)
        {
            // Whoever writes it may not have come to its end yet.
            if (File.Exists(call.Words[0]) && (await File.ReadAllTextAsync(call.Words[0])).Trim() is { Length: > 0 } text)
            {
                return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                    ? process
                    : throw new CommandException(ExitCode.Software, "Error: garbage in pid file.") { IsPlain = true };
            }

            await PauseAsync(call, node, began);
        }
    }

    private static async Task PauseAsync(CommandCall call, string node, long began)
    {
        if (call.Timeout > TimeSpan.Zero && Stopwatch.GetElapsedTime(began) >= call.Timeout)
        {
            throw new CommandException(ExitCode.TemporaryFailure, $"Error: operation wait on node {node} timed out. Timeout value used: {call.Timeout.TotalMilliseconds:0}") { IsPlain = true };
        }

        await Task.Delay(Pause);
    }

    private static bool Runs(int process)
    {
        try
        {
            using var found = Process.GetProcessById(process);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            // There is none.
            return false;
        }
    }

    private static async Task<bool> AnswersAsync(CommandCall call)
    {
        try
        {
            using var broker = call.Connect();
            await broker.OverviewAsync();
            return true;
        }
        catch (Exception exception) when (exception is OutOfReachException or CommandException { ExitCode: ExitCode.Unavailable })
        {
            // Not yet: what is waited for.
            return false;
        }
    }
}
