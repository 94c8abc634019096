using System.Globalization;
using System.Text;
using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Paths that lead out of where they begin, at both HTTP ports, with a login and without: what lies outside is not served.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
[Collection(AbusedBroker.Collection)]
public sealed class TraversalTests(AbusedBroker broker)
{
    private const string Secret = "nobody may be served this";

    /// <summary>Steps up, in all the ways that servers have taken them.</summary>
    private static readonly string[] Up =
    [
        "../", "%2e%2e/", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "%2e%2e%5c", "..%252f", "%252e%252e/", "..%c0%af", "..%c1%9c", "%c0%ae%c0%ae/", "....//", "..;/", "..%00/", ".%2e/", "..%u2215", "..%uff0f", "/../", "./../",
    ];

    [Fact]
    public async Task Path_ThatLeadsOutside_IsNotServed()
    {
        var folder = broker.Broker.DataFolder!;
        var file = Path.Combine(folder, "secret.js");
        await File.WriteAllTextAsync(file, Secret);
        string[] starts = ["/", "/assets/", "/index.html/", "/api/", "/api/queues/%2F/", "/api/definitions/", "/health/", "/metrics/"];
        string[] targets = [file[1..], "etc/passwd", "proc/self/environ", "secret.js", "Granary.Node.dll", "granary.conf"];
        string[] paths =
        [
            .. from start in starts from up in Up from target in targets select start + string.Concat(Enumerable.Repeat(up, 9)) + target,
            .. from target in targets select $"//{target}",
            .. from target in targets select $"/%2f{target}",
            .. from target in targets select $"/index.html%00{target}",
            .. from target in targets select $"http://x/../../{target}",
            .. from target in targets select $"file:///{target}",
            "/.git/config", "/%00", "/web/index.html", "/wwwroot/", "/C:/windows/win.ini", "\\etc\\passwd", "*", "",
        ];

        foreach (var port in new[] { broker.Broker.HttpPort, broker.Broker.MetricsPort })
        {
            await Parallel.ForEachAsync(paths.Where((_, at) => port == broker.Broker.HttpPort || at % 7 == 0), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (path, _) =>
            {
                var request = string.Create(CultureInfo.InvariantCulture, $"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n");
                var answer = await RawHttp.AskAsync(port, Encoding.Latin1.GetBytes(request));
                Assert.True(
                    answer.Status is 400 or 401 or 404 or 405 && !answer.Body.Contains("root:", StringComparison.Ordinal) && !answer.Body.Contains(Secret, StringComparison.Ordinal),
                    $"{path} at {port} is answered {answer.Head}\n{answer.Body}");
            });
        }

        File.Delete(file);
        broker.CheckLog();
    }
}
