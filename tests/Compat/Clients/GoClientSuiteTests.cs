using System.Text.Json;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>amqp091-go's own suite, integration tests included, from Debian's source package.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class GoClientSuiteTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private const string Source = "/usr/share/gocode";
    private const string Package = "src/github.com/rabbitmq/amqp091-go";
    private const int TestsInPackage = 116;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task GoClient_OwnIntegrationSuite_PassesWhole()
    {
        // go test wants to write beside the package, and /usr/share is not ours.
        var workspace = Directory.CreateTempSubdirectory("granary-go-");
        try
        {
            var copy = Path.Combine(workspace.FullName, Package);
            CopyFolder(Path.Combine(Source, Package), copy);
            var (results, output) = await RunAsync(workspace.FullName, copy);
            Assert.True(Failed(results).Length == 0, $"failed: {string.Join(", ", Failed(results))}\n{Tail(output)}");
            Assert.DoesNotContain("skip", results.Values);
            Assert.True(results.Count == TestsInPackage, $"{results.Count} tests ended, not {TestsInPackage}\n{Tail(output)}");
        }
        finally
        {
            workspace.Delete(recursive: true);
        }
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    private static string[] Failed(Dictionary<string, string> results) => [.. results.Where(test => test.Value == "fail").Select(test => test.Key)];

    /// <summary>The tests that ended, each with pass, fail or skip; the package's own line has no test and is left out.</summary>
    private static Dictionary<string, string> Ended(string output)
    {
        var results = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in output.Split('\n').Where(line => line.StartsWith('{')))
        {
            using var json = JsonDocument.Parse(line);
            var action = json.RootElement.GetProperty("Action").GetString();
            if (action is "pass" or "fail" or "skip" && json.RootElement.TryGetProperty("Test", out var test))
            {
                results.Add(test.GetString()!, action);
            }
        }

        return results;
    }

    private static string Tail(string output) => string.Join('\n', output.Split('\n').TakeLast(60));

    /// <summary>What fails in another way than by its tests fails here.</summary>
    private async Task<(Dictionary<string, string> Results, string Output)> RunAsync(string workspace, string package)
    {
        await using var go = ChildProcess.Start(
            "go", ["test", "-json", "-count=1", "-timeout=240s", "-tags=integration", "."], Environment(workspace), package);
        var code = await go.WaitForExitAsync(Limit);
        var results = Ended(go.Output);
        Assert.True(code == 0 || Failed(results).Length > 0, $"go test ended with {code}\n{Tail(go.Output)}");
        return (results, go.Output);
    }

    private Dictionary<string, string> Environment(string workspace) => new()
    {
        ["AMQP_URL"] = shared.Broker.AmqpUrl,
        ["GO111MODULE"] = "off",
        ["GOFLAGS"] = "",
        ["GOPATH"] = $"{workspace}:{Source}",
    };
}
