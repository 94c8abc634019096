using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>What is changed at a node that runs, and holds until its process ends. The node that is asked is the one that does it.</summary>
internal static class ControlCommands
{
    private const string Configuration = "Configuration and Environment";
    private const string Operations = "Operations";

    private static readonly string[] Levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "none"];

    public static IEnumerable<Command> All =>
    [
        new("set_vm_memory_high_watermark", Configuration, "Sets the vm_memory_high_watermark setting", "<fraction> | absolute <value>")
        {
            LeastWords = 1, MostWords = 2,
            Check = static call => Watermark(call.Words),
            Banner = static async call => call.Words.Count > 1
                ? $"Setting memory threshold on {await call.Broker.NodeAsync()} to {call.Words[1]} bytes ..."
                : $"Setting memory threshold on {await call.Broker.NodeAsync()} to {call.Words[0]} ...",
            Run = static call => PutAsync(call, "memory-watermark", Watermark(call.Words)),
        },
        new("set_disk_free_limit", Configuration, "Sets the disk_free_limit setting", "<disk_limit> | mem_relative <fraction>")
        {
            LeastWords = 1, MostWords = 2,
            Check = static call => DiskLimit(call.Words),
            Banner = static async call => call.Words.Count > 1
                ? $"Setting disk free limit on {await call.Broker.NodeAsync()} to {call.Words[1]} times the total RAM ..."
                : $"Setting disk free limit on {await call.Broker.NodeAsync()} to {call.Words[0]} bytes ...",
            Run = static call => PutAsync(call, "disk-free-limit", DiskLimit(call.Words)),
        },
        new("set_log_level", Configuration, "Sets log level in the running node", "<log_level>")
        {
            LeastWords = 1,
            Check = static call =>
            {
                if (!Levels.Contains(call.Words[0]))
                {
                    throw new CommandException(ExitCode.Unavailable, $"level {call.Words[0]} is not supported. Try one of debug, info, warning, error, critical, none");
                }
            },
            Banner = static call => UserCommands.Told($"Setting log level to \"{call.Words[0]}\" ..."),
            Run = static call => PutAsync(call, "log-level", new JsonObject { ["level"] = call.Words[0] }),
        },
        Listeners(
            "suspend_listeners",
            "Suspends client connection listeners so that no new client connections are accepted",
            static node => $"Will suspend client connection listeners on node {node}. The node will no longer accept client connections!",
            isAccepting: false),
        Listeners(
            "resume_listeners",
            "Resumes client connection listeners making them accept client connections again",
            static node => $"Will resume client connection listeners on node {node}. The node will now accept client connections",
            isAccepting: true),
        new("force_gc", Operations, "Has the target node collect its garbage", "")
        {
            Banner = static async call => $"Will ask all processes on node {await call.Broker.NodeAsync()} to schedule a full sweep GC",
            Run = static async call =>
            {
                await call.Broker.PostAsync($"{await PathAsync(call)}/gc");
                return await DoneAsync(call);
            },
        },
    ];

    /// <summary>What commands that have nothing to tell say to programs.</summary>
    internal static async Task<Answer> DoneAsync(CommandCall call) => new TextAnswer(null, new JsonObject { ["node"] = await call.Broker.NodeAsync(), ["result"] = "ok" });

    /// <summary>A value, as commands that have one alone say it to programs.</summary>
    /// <param name="value">Null: the text.</param>
    internal static async Task<Answer> ValueAsync(CommandCall call, string text, JsonNode? value = null) =>
        new TextAnswer(text, new JsonObject { ["node"] = await call.Broker.NodeAsync(), ["result"] = "ok", ["value"] = value ?? text });

    /// <summary>The node that is asked, in the management API.</summary>
    internal static async Task<string> PathAsync(CommandCall call) => $"nodes/{Uri.EscapeDataString(await call.Broker.NodeAsync())}";

    /// <summary>Suspends the listeners for clients, or resumes them.</summary>
    internal static async Task AcceptAsync(CommandCall call, bool isAccepting) =>
        await call.Broker.PutAsync($"{await PathAsync(call)}/client-listeners", new JsonObject { ["accepting"] = isAccepting });

    private static Command Listeners(string name, string summary, Func<string, string> banner, bool isAccepting) => new(name, Operations, summary, "")
    {
        Banner = async call => banner(await call.Broker.NodeAsync()),
        Run = async call =>
        {
            await AcceptAsync(call, isAccepting);
            return await DoneAsync(call);
        },
    };

    private static async Task<Answer> PutAsync(CommandCall call, string what, JsonObject wanted)
    {
        await call.Broker.PutAsync($"{await PathAsync(call)}/{what}", wanted);
        return await DoneAsync(call);
    }

    /// <exception cref="CommandException">It is neither a fraction nor a size.</exception>
    private static JsonObject Watermark(IReadOnlyList<string> words)
    {
        if (words[0] == "absolute")
        {
            return words.Count < 2 ? throw CommandException.NotValid("not enough arguments.")
                : ByteUnit.Parse(words[1]) is { } bytes ? new JsonObject { ["absolute"] = bytes }
                : throw CommandException.BadArgument("Invalid units.");
        }

        return words.Count > 1 ? throw CommandException.NotValid("too many arguments.")
            : Fraction(words[0]) is >= 0 and <= 1 and var share ? new JsonObject { ["relative"] = share }
            : throw CommandException.BadArgument("The threshold should be a fraction between 0.0 and 1.0");
    }

    /// <exception cref="CommandException">It is neither a multiple nor a size.</exception>
    private static JsonObject DiskLimit(IReadOnlyList<string> words)
    {
        if (words[0] == "mem_relative")
        {
            return words.Count < 2 ? throw CommandException.NotValid("not enough arguments.")
                : Fraction(words[1]) is >= 0 and var multiple ? new JsonObject { ["relative"] = multiple }
                : throw CommandException.BadArgument();
        }

        return words.Count > 1 ? throw CommandException.NotValid("too many arguments.")
            : ByteUnit.Parse(words[0]) is { } bytes ? new JsonObject { ["absolute"] = bytes }
            : throw CommandException.BadArgument();
    }

    private static double Fraction(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw CommandException.BadArgument();
}
