using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Cli.Broker;
using Granary.Cli.Commands;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli;

/// <summary>One call of the tool: from its command line to its exit code.</summary>
internal sealed class Session(Tool tool, TextReader input, TextWriter output, TextWriter errors, Func<string, string?> environment)
{
    private const string JsonForm = "json";

    public async Task<int> RunAsync(IReadOnlyList<string> given)
    {
        if (given.Contains("--version"))
        {
            output.WriteLine(LocalCommands.Version);
            return ExitCode.Done;
        }

        var name = CommandLine.FindName(given);
        if (name is null || name == "help")
        {
            return Explain(given);
        }

        if (tool.Find(name) is not { } command)
        {
            errors.WriteLine($"\nCommand '{name}' not found. ");
            errors.WriteLine(tool.Nearest(name) is { } near ? $"Did you mean '{near}'? \n" : Help.Of(tool));
            return ExitCode.Usage;
        }

        var line = CommandLine.Parse(given, command.Options);
        if (line.Has("help"))
        {
            output.WriteLine(Help.Of(tool, command));
            return ExitCode.Done;
        }

        try
        {
            await RunAsync(command, line);
            return ExitCode.Done;
        }
        catch (CommandException refused)
        {
            if (line["formatter"] == JsonForm && refused.Json is { } json)
            {
                errors.WriteLine(json.ToJsonString(Json.Relaxed));
            }
            else if (!refused.IsCheck || !line.Has("silent"))
            {
                errors.WriteLine(refused.IsPlain ? refused.Message : $"Error:\n{refused.Message}");
            }

            if (refused.IsUsage)
            {
                errors.WriteLine($"Arguments given:\n\t{string.Join(' ', given)}");
                errors.WriteLine(Help.UsageOf(tool, command));
            }

            return refused.ExitCode;
        }
        catch (OutOfReachException gone)
        {
            errors.WriteLine($"Error: unable to perform an operation on the node at {gone.Where}: {gone.Message}");
            errors.WriteLine("Is the broker running, and is this its management port? --url or GRANARY_CTL_URL names another one, and GRANARY_DATA the data folder of a broker on this machine.");
            return ExitCode.Unavailable;
        }
    }

    private async Task RunAsync(Command command, CommandLine line)
    {
        if (line.Unknown.Count > 0)
        {
            throw CommandException.NotValid($"Invalid options for this command:\n{string.Join('\n', line.Unknown.Select(static option => $"{option} : "))}");
        }

        if (line.Words.Count < command.LeastWords)
        {
            throw CommandException.NotValid("not enough arguments.");
        }

        if (!command.TakesWords(line.Words.Count))
        {
            throw CommandException.NotValid("too many arguments.");
        }

        var timeout = TimeoutOf(line, command);
        var form = line["formatter"] ?? command.Formatter;
        var formatter = Formatter.Find(form) ?? throw CommandException.NotValid($"there is no formatter '{form}': json, pretty_table, table, csv, erlang");
        using var broker = Connect();
        var call = new CommandCall(command, line, broker, timeout, input, Connect) { Tool = tool };
        command.Check?.Invoke(call);
        if (command.NeedsStopped && await NodeCommands.IsRunningAsync(broker))
        {
            throw new CommandException(ExitCode.Usage, "Error: this command requires the 'rabbit' app to be stopped on the target node. Stop it with 'rabbitmqctl stop_app'.") { IsPlain = true, IsUsage = true };
        }

        var isSilent = line.Has("silent");
        if (!isSilent && !line.Has("quiet") && !formatter.IsForPrograms && await command.Banner(call) is { Length: > 0 } banner)
        {
            output.WriteLine(banner);
        }

        if (line.Has("dry-run") && !command.Options.Any(static option => option.Name == "dry-run"))
        {
            return;
        }

        var answer = await command.Run(call);
        switch (answer)
        {
            case StreamAnswer stream:
                await WriteAsync(stream, formatter);
                return;
            case TextAnswer { IsCheck: true } when isSilent && !formatter.IsForPrograms:
                return;
            case TextAnswer { Text: null, Json: null } when form == JsonForm:
                // Programs are told that it is done.
                answer = await ControlCommands.DoneAsync(call);
                break;
        }

        formatter.Write(output, answer, withHeader: !isSilent && !line.Has("no-table-headers"));

        BrokerApi Connect() => new(BrokerAddress.From(line, environment), timeout);
    }

    private async Task WriteAsync(StreamAnswer stream, Formatter formatter)
    {
        List<IReadOnlyList<JsonNode?>> rows = [];
        await foreach (var line in stream.Lines)
        {
            if (formatter.IsForPrograms)
            {
                rows.Add([JsonValue.Create(line)]);
            }
            else
            {
                await output.WriteLineAsync(line);
                await output.FlushAsync();
            }
        }

        if (formatter.IsForPrograms)
        {
            formatter.Write(output, new RowsAnswer(["message"], rows), withHeader: false);
        }
    }

    private static TimeSpan TimeoutOf(CommandLine line, Command command)
    {
        if (line["timeout"] is not { } text)
        {
            return TimeSpan.FromSeconds(command.Timeout);
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 1e6
            ? TimeSpan.FromSeconds(seconds)
            : text == "infinity" ? Timeout.InfiniteTimeSpan : throw CommandException.NotValid($"Invalid options for this command:\n-t : {text} (it is a number of seconds)");
    }

    private int Explain(IReadOnlyList<string> given)
    {
        var words = CommandLine.Parse(given, []).Words;
        if (words.Count > 0 && tool.Find(words[0]) is { } command)
        {
            output.WriteLine(Help.Of(tool, command));
            return ExitCode.Done;
        }

        if (words.Count > 0 && CommandLine.FindName(given) == "help")
        {
            errors.WriteLine($"Error:\n\nCommand '{words[0]}' not found.");
            return ExitCode.Usage;
        }

        var isAsked = CommandLine.FindName(given) == "help" || given.Contains("--help");
        (isAsked ? output : errors).WriteLine(Help.Of(tool));
        return isAsked ? ExitCode.Done : ExitCode.Usage;
    }
}
