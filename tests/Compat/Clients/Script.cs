using System.Globalization;
using Granary.Testing.Brokers;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>Runs one script of this project's folders; a script passes when it ends with 0.</summary>
internal static class Script
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    public static Task RunAsync(BrokerProcess broker, string interpreter, string path, string? nodePath = null, string? pythonPath = null)
    {
        var environment = new Dictionary<string, string>
        {
            ["AMQP_URL"] = broker.AmqpUrl,
            ["GRANARY_GRPC"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{broker.GrpcPort}"),
            ["PYTHONDONTWRITEBYTECODE"] = "1",
            ["PYTHONPATH"] = pythonPath ?? "",
            ["NODE_PATH"] = nodePath ?? "",
        };
        return ChildProcess.RunAsync(interpreter, [RepositoryPath.Of("tests", "Compat", path)], Limit, environment);
    }
}
