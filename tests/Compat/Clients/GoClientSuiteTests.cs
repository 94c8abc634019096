using System.Text.Json;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>amqp091-go's own suite, integration tests included, from Debian's source package.</summary>
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
            await using var go = Start(workspace.FullName, copy);
            var code = await go.WaitForExitAsync(Limit);

            var ended = Ended(go.Output).ToLookup(test => test.Action, test => test.Name);
            Assert.True(ended["fail"].FirstOrDefault() is null && code == 0, $"failed: {string.Join(", ", ended["fail"])}\n{Tail(go.Output)}");
            Assert.Empty(ended["skip"]);
            Assert.Equal(TestsInPackage, ended["pass"].Count());
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

    /// <summary>The tests that ended, each with pass, fail or skip; the package's own line has no test and is left out.</summary>
    private static IEnumerable<(string Action, string Name)> Ended(string output)
    {
        foreach (var line in output.Split('\n').Where(line => line.StartsWith('{')))
        {
            using var json = JsonDocument.Parse(line);
            var action = json.RootElement.GetProperty("Action").GetString() ?? "";
            if (action is "pass" or "fail" or "skip" && json.RootElement.TryGetProperty("Test", out var test))
            {
                yield return (action, test.GetString() ?? "");
            }
        }
    }

    private static string Tail(string output) => string.Join('\n', output.Split('\n').TakeLast(60));

    private ChildProcess Start(string workspace, string package) => ChildProcess.Start(
        "go", ["test", "-json", "-count=1", "-timeout=240s", "-tags=integration", "."], Environment(workspace), package);

    private Dictionary<string, string> Environment(string workspace) => new()
    {
        ["AMQP_URL"] = shared.Broker.AmqpUrl,
        ["GO111MODULE"] = "off",
        ["GOFLAGS"] = "",
        ["GOPATH"] = $"{workspace}:{Source}",
    };
}
