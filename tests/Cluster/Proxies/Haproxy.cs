using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Granary.Testing.Processes;

namespace Granary.Cluster.Tests.Proxies;

/// <summary>Debian's HAProxy with a configuration of docs/operations.md, whose addresses and ports are replaced by those of this machine.</summary>
internal sealed partial class Haproxy : IAsyncDisposable
{
    // A small machine may not give file descriptors to as many clients as the documented one.
    private const string FewClients = "maxconn 200";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _file;
    private readonly ChildProcess _process;

    private Haproxy(string file, ChildProcess process, int port) => (_file, _process, Port) = (file, process, port);

    /// <summary>Where its clients connect.</summary>
    public int Port { get; }

    /// <summary>What it has said.</summary>
    public string Output => _process.Output;

    /// <summary>The configurations of the document, in its order.</summary>
    public static string[] Documented() =>
        [.. Block().Matches(File.ReadAllText(RepositoryPath.Of("docs", "operations.md"))).Select(block => block.Groups[1].Value)];

    /// <param name="configuration">As it is in the document.</param>
    /// <param name="served">The port that <c>gateway-1</c> and <c>gateway-2</c> have for it.</param>
    /// <param name="http">Their ports for health.</param>
    public static async Task<Haproxy> StartAsync(string configuration, Func<int, int> served, Func<int, int> http)
    {
        var port = FreePort.Take(1)[0];
        var here = Server().Replace(configuration, line =>
        {
            var gateway = int.Parse(line.Groups["number"].Value, CultureInfo.InvariantCulture);
            return line.Groups["name"].Value + Text($" 127.0.0.1:{served(gateway)}") + Check().Replace(line.Groups["options"].Value, Text($"check port {http(gateway)}"));
        });
        here = Most().Replace(here, FewClients);
        here = Bind().Replace(here, Text($"bind 127.0.0.1:{port}"));
        var file = Path.Combine(Path.GetTempPath(), $"granary-haproxy-{port}.cfg");
        await File.WriteAllTextAsync(file, here);
        var proxy = new Haproxy(file, ChildProcess.Start("/usr/sbin/haproxy", ["-db", "-f", file]), port);
        try
        {
            using var limit = new CancellationTokenSource(Limit);
            while (!await IsListeningAsync(port))
            {
                Assert.False(proxy._process.HasExited || limit.IsCancellationRequested, $"HAProxy does not listen:\n{here}\n{proxy.Output}");
                await Task.Delay(20, CancellationToken.None);
            }

            return proxy;
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        File.Delete(_file);
    }

    private static async Task<bool> IsListeningAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // Not yet.
            return false;
        }
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex("^```haproxy\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(?<name> +server gateway-(?<number>\d)) \S+(?<options>.*)$", RegexOptions.Multiline)]
    private static partial Regex Server();

    [GeneratedRegex(@"check port \d+")]
    private static partial Regex Check();

    [GeneratedRegex(@"bind :\d+")]
    private static partial Regex Bind();

    [GeneratedRegex(@"maxconn \d+")]
    private static partial Regex Most();
}
