using System.Diagnostics;
using System.Net.Sockets;
using Granary.Testing.Processes;

namespace Granary.Cli.Tests;

/// <summary>Debian's rabbitmq-server with its own rabbitmqctl.</summary>
internal sealed class RealRabbit : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);

    private readonly ChildProcess _server;
    private readonly DirectoryInfo _folder;
    private readonly Dictionary<string, string> _environment;

    private RealRabbit(ChildProcess server, DirectoryInfo folder, int port, string home)
    {
        (_server, _folder, AmqpPort) = (server, folder, port);
        _environment = new Dictionary<string, string>
        {
            ["HOME"] = home,
            ["RABBITMQ_NODENAME"] = $"granary{port}@localhost",
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
            ["ERL_EPMD_PORT"] = $"{port + 1}",
        };
    }

    public int AmqpPort { get; }

    public static async Task<RealRabbit> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("granary-test-");
        var port = FreePort.Take(1)[0];
        var server = ChildProcess.Start(RepositoryPath.Of("tests", "Compat", "rabbitmq.sh"), [$"{port}"], new Dictionary<string, string> { ["TMPDIR"] = folder.FullName });
        for (var waited = Stopwatch.StartNew(); !await AnswersAsync(port);)
        {
            if (server.HasExited || waited.Elapsed > StartLimit)
            {
                throw new InvalidOperationException($"rabbitmq-server did not start:\n{server.Output}");
            }

            await Task.Delay(200);
        }

        return new RealRabbit(server, folder, port, folder.GetDirectories("granary-rabbitmq.*").Single().FullName);
    }

    public async Task<CtlResult> RunAsync(params string[] line)
    {
        var start = new ProcessStartInfo("/usr/lib/rabbitmq/bin/rabbitmqctl", line) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in _environment)
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
