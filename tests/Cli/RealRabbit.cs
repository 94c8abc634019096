using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Granary.Testing.Processes;

namespace Granary.Cli.Tests;

/// <summary>Debian's rabbitmq-server with its own rabbitmqctl.</summary>
internal sealed class RealRabbit : IAsyncDisposable
{
    // Says which of the tools is meant, and is told with the words of a wrong line.
    private const string ScriptName = "--script-name";

    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);

    private readonly ChildProcess _server;
    private readonly DirectoryInfo _folder;
    private readonly Dictionary<string, string> _environment;

    private RealRabbit(ChildProcess server, DirectoryInfo folder, int port, int epmdPort, string home)
    {
        (_server, _folder, AmqpPort, NodeName) = (server, folder, port, $"granary{port}@localhost");
        ProcessId = int.Parse(File.ReadAllText(Path.Combine(home, "pid")), CultureInfo.InvariantCulture);
        _environment = new Dictionary<string, string>
        {
            ["HOME"] = home,
            ["RABBITMQ_NODENAME"] = NodeName,
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(home, "enabled_plugins"),
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
            ["ERL_EPMD_PORT"] = $"{epmdPort}",
        };
    }

    public int AmqpPort { get; }

    public string NodeName { get; }

    /// <summary>The id of Erlang's process.</summary>
    public int ProcessId { get; }

    public static async Task<RealRabbit> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("granary-test-");
        var ports = FreePort.Take(4);
        var port = ports[0];
        var server = ChildProcess.Start(
            RepositoryPath.Of("tests", "Compat", "rabbitmq.sh"),
            [$"{port}", $"{ports[3]}"],
            new Dictionary<string, string> { ["TMPDIR"] = folder.FullName, ["ERL_EPMD_PORT"] = $"{ports[1]}", ["RABBITMQ_DIST_PORT"] = $"{ports[2]}" });
        for (var waited = Stopwatch.StartNew(); !await AnswersAsync(port);)
        {
            if (server.HasExited || waited.Elapsed > StartLimit)
            {
                throw new InvalidOperationException($"rabbitmq-server did not start:\n{server.Output}");
            }

            await Task.Delay(200);
        }

        return new RealRabbit(server, folder, port, ports[1], folder.GetDirectories("granary-rabbitmq.*").Single().FullName);
    }

    /// <summary>Runs command lines one after the other, in one process of rabbitmqctl: its start takes longer than most of them.</summary>
    /// <param name="lines">Words; the first one may be the name of another tool than rabbitmqctl.</param>
    public async Task<CtlResult[]> RunAllAsync(IReadOnlyList<string[]> lines)
    {
        const char Record = '\u001e', Unit = '\u001f';
        var given = lines.Select(static line => string.Join(Unit, line[0].StartsWith("rabbitmq", StringComparison.Ordinal) ? [ScriptName, .. line] : line));
        var told = await RunAsync("rabbitmqctl", new Dictionary<string, string> { ["LINES"] = string.Join(Record, given) }, "exec", await File.ReadAllTextAsync(RepositoryPath.Of("tests", "Cli", "command-lines.exs")));
        var (outputs, errors) = (told.Output.Split(Record), told.Errors.Split(Record));
        return outputs.Length > 2 * lines.Count && errors.Length > lines.Count
            ? [.. lines.Select((_, i) => new CtlResult(int.Parse(outputs[(2 * i) + 1], CultureInfo.InvariantCulture), outputs[2 * i], errors[i].Replace($"{ScriptName} {lines[i][0]} ", "", StringComparison.Ordinal)))]
            : throw new InvalidOperationException($"rabbitmqctl did not run all of the {lines.Count} command lines: {told}");
    }

    public Task<CtlResult> RunAsync(params string[] line) => RunAsync("rabbitmqctl", [], line);

    /// <summary>All that a tool has, as it tells itself.</summary>
    public async Task<string> HelpAsync(string tool)
    {
        var told = await RunAsync(tool, [], "--help");
        return told.Output + told.Errors;
    }

    private async Task<CtlResult> RunAsync(string tool, Dictionary<string, string> more, params string[] line)
    {
        var start = new ProcessStartInfo($"/usr/lib/rabbitmq/bin/{tool}", line) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in _environment.Concat(more))
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new CtlResult(process.ExitCode, await output, await errors);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            // Not yet.
            return false;
        }
    }
}
