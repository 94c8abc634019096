using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>Super streams: an exchange with the streams that are its partitions. Of rabbitmq-streams, where RabbitMQ has the plugin rabbitmq_stream.</summary>
internal static class SuperStreamCommands
{
    private const string Group = "Streams";

    private static readonly string[] Locators = ["client-local", "balanced", "random", "least-leaders"];

    public static IEnumerable<Command> All =>
    [
        new(
            "add_super_stream", Group, "Adds a super stream",
            "<name> [--vhost <vhost>] [--partitions <partitions>] [--binding-keys <binding-keys>]")
        {
            LeastWords = 1,
            Options =
            [
                CommandOption.Vhost, new("partitions", HasValue: true), new("binding-keys", HasValue: true), new("routing-keys", HasValue: true),
                new("max-length-bytes", HasValue: true), new("max-age", HasValue: true), new("stream-max-segment-size-bytes", HasValue: true),
                new("leader-locator", HasValue: true), new("initial-cluster-size", HasValue: true),
            ],
            Check = static call => Wanted(call),
            Banner = static _ => UserCommands.Told("Adding a super stream..."),
            Run = static async call => await call.Broker.TryPutAsync($"stream/super-streams/{call.VhostPath}/{call.Path(0)}", Wanted(call))
                ? Answer.Of($"Super stream {call.Words[0]} has been created")
                : throw Refusals.NoVhost(call.Vhost),
        },
        new("delete_super_stream", Group, "Deletes a super stream, with what is in its partitions", "<name> [--vhost <vhost>]")
        {
            LeastWords = 1, Options = [CommandOption.Vhost],
            Banner = static _ => UserCommands.Told("Deleting a super stream..."),
            Run = DeleteAsync,
        },
    ];

    private static async Task<Answer> DeleteAsync(CommandCall call)
    {
        var exchange = $"exchanges/{call.VhostPath}/{call.Path(0)}";
        if ((await call.Broker.FindAsync(exchange))?["arguments"]?["x-super-stream"]?.ToString() != "true")
        {
            // Of another exchange nobody has said that the queues that are bound to it are to go with it.
            throw new CommandException(ExitCode.Software, "stream_not_found");
        }

        var partitions = (await call.Broker.ListAsync($"{exchange}/bindings/source"))
            .Where(static binding => binding["arguments"]?["x-stream-partition-order"] is not null)
            .Select(binding => $"queues/{call.VhostPath}/{Uri.EscapeDataString(binding["destination"]!.ToString())}").Distinct().ToArray();
        await call.Broker.DeleteAsync(exchange);
        foreach (var queue in partitions)
        {
            if ((await call.Broker.FindAsync(queue))?["type"]?.ToString() == "stream")
            {
                await call.Broker.DeleteAsync(queue);
            }
        }

        return Answer.Of($"Super stream {call.Words[0]} has been deleted");
    }

    /// <exception cref="CommandException">It cannot be meant.</exception>
    private static JsonObject Wanted(CommandCall call)
    {
        var keys = call["binding-keys"] ?? call["routing-keys"];
        if (call["binding-keys"] is not null && call["routing-keys"] is not null)
        {
            throw CommandException.NotValid("Specify --binding-keys only.");
        }

        if (keys is not null && call["partitions"] is not null)
        {
            throw CommandException.NotValid("Specify --partitions or --binding-keys, not both.");
        }

        var arguments = new JsonObject();
        foreach (var size in new[] { "max-length-bytes", "stream-max-segment-size-bytes" })
        {
            if (call[size] is { } text)
            {
                arguments[size] = Size(text) ?? throw CommandException.NotValid($"Invalid value for --{size}, valid example values: 100gb, 50mb");
            }
        }

        if (call["max-age"] is { } age)
        {
            arguments["max-age"] = $"{Seconds(age)}s";
        }

        if (call["leader-locator"] is { } locator)
        {
            arguments["queue-leader-locator"] = Locators.Contains(locator)
                ? locator
                : throw CommandException.NotValid($"Invalid value for --leader-locator, valid values are {string.Join(", ", Locators)}.");
        }

        if (call["initial-cluster-size"] is { } members)
        {
            arguments["initial-cluster-size"] = Positive(members)
                ?? throw CommandException.NotValid("Invalid value for --initial-cluster-size, the value must be a positive integer.");
        }

        var wanted = new JsonObject { ["arguments"] = arguments };
        if (keys is not null)
        {
            wanted["binding-keys"] = keys;
        }
        else
        {
            wanted["partitions"] = Positive(call["partitions"] ?? "3") ?? throw CommandException.NotValid("The partition number must be greater than 0");
        }

        return wanted;
    }

    // The letters are taken in any case here (rabbit_resource_monitor_misc).
    private static long? Size(string text) => ByteUnit.Parse(text.ToLowerInvariant() switch
    {
        [.. var number, 'k', 'b'] => $"{number}kB",
        [.. var number, 'm', 'b'] => $"{number}MB",
        [.. var number, 'g', 'b'] => $"{number}GB",
        _ => text,
    });

    private static int? Positive(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;

    // A year is 365 days and a month 30, as in RabbitMQ.
    private static long Seconds(string duration)
    {
        try
        {
            if (XmlConvert.ToTimeSpan(duration) is { Ticks: > 0 } age)
            {
                return (long)age.TotalSeconds;
            }
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            // None: it is told as any other.
        }

        throw CommandException.NotValid(
            "Invalid value for --max-age, the value must be an ISO 8601 duration, e.g. PT10M30S for 10 minutes 30 seconds, P5DT8H for 5 days 8 hours.");
    }
}
