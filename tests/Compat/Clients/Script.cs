using System.Globalization;
using Granary.Testing.Brokers;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>Runs one script of this project's folders; a script passes when it ends with 0.</summary>
internal static class Script
{
    /// <summary>Debian's modules belong to Debian's interpreter: another python3 first on PATH sees none of them.</summary>
    public const string Python = "/usr/bin/python3";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    public static Task RunAsync(BrokerProcess broker, string interpreter, string path, string? nodePath = null, string? pythonPath = null) =>
        RunAsync(broker, [interpreter], path, nodePath, pythonPath);

    /// <param name="command">The interpreter and its arguments.</param>
    public static Task RunAsync(BrokerProcess broker, string[] command, string path, string? nodePath = null, string? pythonPath = null) =>
        ChildProcess.RunAsync(command[0], [.. command[1..], Of(path)], Limit, Environment(broker.AmqpUrl, broker.GrpcPort, nodePath, pythonPath));

    /// <summary>Runs a script against a broker that is killed and started again when the script says "RESTART".</summary>
    /// <param name="command">The interpreter and its arguments.</param>
    public static async Task RunWithRestartAsync(KilledNode node, string[] command, string path, string? nodePath = null)
    {
        var environment = Environment(node.AmqpUrl, grpcPort: 0, nodePath, pythonPath: null);
        await using var script = ChildProcess.Start(command[0], [.. command[1..], Of(path)], environment);
        using var limit = new CancellationTokenSource(Limit);
        while (!script.Output.Contains("RESTART", StringComparison.Ordinal) && !script.HasExited && !limit.IsCancellationRequested)
        {
            await Task.Delay(20, CancellationToken.None);
        }

        Assert.True(script.Output.Contains("RESTART", StringComparison.Ordinal), $"{path} did not get to the restart:\n{script.Output}");
        await node.KillAsync();
        await node.StartAsync();
        var code = await script.WaitForExitAsync(Limit);
        Assert.True(code == 0, $"{path} ended with {code}:\n{script.Output}");
    }

    private static string Of(string path) => RepositoryPath.Of("tests", "Compat", path);

    private static Dictionary<string, string> Environment(string amqpUrl, int grpcPort, string? nodePath, string? pythonPath) => new()
    {
        ["AMQP_URL"] = amqpUrl,
        ["GRANARY_GRPC"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{grpcPort}"),
        ["PYTHONDONTWRITEBYTECODE"] = "1",
        ["PYTHONPATH"] = pythonPath ?? "",
        ["NODE_PATH"] = nodePath ?? "",
    };
}
