using System.Globalization;
using Granary.Testing.Logs;
using Granary.Testing.Processes;

namespace Granary.Crash.Brokers;

/// <summary>One run of the node: started on a folder that outlives it, and ended in one way or another.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly ChildProcess _process;
    private readonly LastWill _will;
    private readonly int _httpPort;
    private bool _isDisposed;

    private NodeProcess(ChildProcess process, string folder, int[] ports, WatchedLog watched)
    {
        (_process, Watched) = (process, watched);
        _will = new LastWill(process.Id, folder);
        AmqpPort = ports[0];
        _httpPort = ports[2];
    }

    public int AmqpPort { get; }

    public int Id => _process.Id;

    public string Log => _process.Output;

    /// <summary>Where a run announces what the node will log, and finds what it did not announce.</summary>
    public WatchedLog Watched { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>Starts it and waits for nothing.</summary>
    /// <param name="folder">Deleted if this test is killed; the node's files are in its folder "data".</param>
    public static NodeProcess Start(string folder, params string[] options)
    {
        var node = Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll");
        if (!File.Exists(node))
        {
            throw new FileNotFoundException($"{node} is missing: build node in the configuration of this test.", node);
        }

        var ports = FreePort.Take(4);
        string[] arguments =
        [
            node, "--bind", "127.0.0.1", "--amqp-port", Text(ports[0]), "--grpc-port", Text(ports[1]), "--http-port", Text(ports[2]),
            "--metrics-port", Text(ports[3]), "--data", DataIn(folder), .. options,
        ];
        var watched = new WatchedLog();
        return new NodeProcess(ChildProcess.Start("dotnet", arguments, onLine: line => watched.Add(LogLine.Parse(line))), folder, ports, watched);
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    public static async Task<NodeProcess> StartReadyAsync(string folder, params string[] options)
    {
        for (var start = 1; ; start++)
        {
            var node = Start(folder, options);
            try
            {
                await node.WaitUntilReadyAsync();
                return node;
            }
            catch (InvalidOperationException) when (start < 5 && node.HasLostAPort)
            {
                node.Watched.TakeUnannounced();
                await node.DisposeAsync();
            }
            catch
            {
                node.Watched.TakeUnannounced();
                await node.DisposeAsync();
                throw;
            }
        }
    }

    public static string DataIn(string folder) => Path.Combine(folder, "data");

    public async Task WaitUntilReadyAsync()
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        using var limit = new CancellationTokenSource(Limit);
        var address = new Uri($"http://127.0.0.1:{_httpPort}/health/ready");
        while (!await IsReadyAsync(http, address))
        {
            if (_process.HasExited)
            {
                var code = await _process.WaitForExitAsync(Limit);
                throw new InvalidOperationException($"The node ended with {code} instead of getting ready:\n{Log}");
            }

            if (limit.IsCancellationRequested)
            {
                throw new InvalidOperationException($"The node was not ready within {Limit}:\n{Log}");
            }

            await Task.Delay(30);
        }
    }

    /// <summary>kill -9; it is gone when this returns.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(Limit);
    }

    /// <summary>SIGSTOP: it does nothing more, and all its connections stay.</summary>
    public Task SuspendAsync() => SignalAsync("-STOP");

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync() => SignalAsync("-CONT");

    /// <summary>SIGTERM; returns the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        Watched.Leave();
        await SignalAsync("-TERM");
        return await _process.WaitForExitAsync(Limit);
    }

    /// <summary>Waits for an end of its own accord, and returns the exit code.</summary>
    public Task<int> WaitForExitAsync() => _process.WaitForExitAsync(Limit);

    /// <summary>Kills it if it still runs, and throws when it has logged what was not announced.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            await KillAsync();
            await _process.DisposeAsync();
            _will.Dispose();
            Watched.Check();
        }
    }

    // Ports are free when they are picked; another process may get one before the node does.
    private bool HasLostAPort => Log.Contains("already in use", StringComparison.OrdinalIgnoreCase);

    private Task SignalAsync(string signal) => ChildProcess.RunAsync("kill", [signal, Text(_process.Id)], Limit);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<bool> IsReadyAsync(HttpClient http, Uri address)
    {
        try
        {
            using var answer = await http.GetAsync(address);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // Not listening yet: the caller asks again until its own limit.
            return false;
        }
    }
}
