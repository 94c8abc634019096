using System.Globalization;
using Granary.Testing.Processes;

namespace Granary.Cluster.Tests;

/// <summary>Clients of other languages through a gateway: the six tutorials in Python, and Celery. <c>tests/Compat/cluster.sh</c> runs more of them.</summary>
[Collection(TwoGateways.Shared)]
public sealed class ClientScriptTests(TwoGateways gateways)
{
    // Debian's modules belong to Debian's interpreter.
    private const string Python = "/usr/bin/python3";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Theory]
    [InlineData("Python/hello.py")]
    [InlineData("Python/work_queue.py")]
    [InlineData("Python/fanout_logs.py")]
    [InlineData("Python/direct_logs.py")]
    [InlineData("Python/topic_logs.py")]
    [InlineData("Python/rpc.py")]
    [InlineData("Celery/tasks_and_results.py")]
    public Task Script_AtAGateway_Passes(string script) => ChildProcess.RunAsync(Python, [RepositoryPath.Of("tests", "Compat", script)], Limit, new Dictionary<string, string>
    {
        ["AMQP_URL"] = string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{gateways.Cluster.AmqpPort(2)}/%2F"),
        ["PYTHONDONTWRITEBYTECODE"] = "1",
    });
}
