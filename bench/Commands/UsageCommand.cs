using System.CommandLine;
using System.Text.Json;
using Granary.Bench.Measure;

namespace Granary.Bench.Commands;

/// <summary>Prints what a process and its descendants have used: for scripts that bring load with other tools.</summary>
internal static class UsageCommand
{
    public static Command Build()
    {
        var pid = new Option<int>("--pid") { Description = "The process at the root", Required = true };
        var command = new Command("usage", "Prints CPU seconds and resident bytes of a process and its descendants as JSON") { pid };
        command.SetAction(parsed =>
        {
            var usage = new ProcessTree(parsed.GetValue(pid)).Read();
            Console.WriteLine(JsonSerializer.Serialize(usage, ReportJson.Default.ProcessUsage));
            return ExitCode.Done;
        });
        return command;
    }
}
