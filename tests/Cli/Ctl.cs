using Granary.Cli.Commands;

namespace Granary.Cli.Tests;

/// <summary>What a call of a tool came to.</summary>
internal readonly record struct CtlResult(int Code, string Output, string Errors);

/// <summary>Calls the tool in the test's own process, with an environment of its own.</summary>
internal static class Ctl
{
    public static async Task<CtlResult> RunAsync(string tool, IReadOnlyDictionary<string, string> environment, params string[] line)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var errors = new StringWriter { NewLine = "\n" };
        var code = await new Session(Tool.Of(tool), TextReader.Null, output, errors, name => environment.GetValueOrDefault(name)).RunAsync(line);
        return new CtlResult(code, output.ToString(), errors.ToString());
    }
}
