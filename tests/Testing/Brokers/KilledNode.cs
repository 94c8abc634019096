using System.Diagnostics;
using System.Globalization;
using Granary.Testing.Logs;
using Granary.Testing.Processes;

namespace Granary.Testing.Brokers;

/// <summary>A node that is killed and started again on the same ports and files, under clients that come back.</summary>
/// <param name="more">Options besides those of its ports and its folder.</param>
public sealed class KilledNode(params string[] more) : IAsyncDisposable
{
    // The last write of the run before, if it was killed in the middle of one.
    private const int LastWriteCutOff = 3311;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly int[] _ports = FreePort.Take(4);
    private readonly string _folder = Directory.CreateTempSubdirectory("granary-killed-").FullName;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private ChildProcess? _process;
    private LastWill? _will;

    /// <summary>The folder of its files.</summary>
    public string DataFolder => Path.Combine(_folder, "data");

    /// <summary>What all its runs log.</summary>
    public WatchedLog Watched { get; } = new();

    /// <summary>The AMQP port on 127.0.0.1, the same for every run.</summary>
    public int AmqpPort => _ports[0];

    /// <summary>What clients that take one address are given.</summary>
    public string AmqpUrl => $"amqp://guest:guest@127.0.0.1:{AmqpPort}/%2F";

    /// <summary>What the run that is on, or was last, has logged.</summary>
    public string Log => _process?.Output ?? "";

    /// <summary>Starts it and waits until it says that it is ready; returns how long that took.</summary>
    /// <exception cref="InvalidOperationException">It ended instead, or was not ready in time.</exception>
    public async Task<TimeSpan> StartAsync()
    {
        var node = Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll");
        if (!File.Exists(node))
        {
            throw new FileNotFoundException($"{node} is missing: build node in the configuration of this test.", node);
        }

        Watched.Allow(LastWriteCutOff);
        var since = Stopwatch.GetTimestamp();
        _process = ChildProcess.Start("dotnet", [node, .. Options()], onLine: line => Watched.Add(LogLine.Parse(line)));
        _will = new LastWill(_process.Id, _folder);
        var address = new Uri($"http://127.0.0.1:{_ports[2]}/health/ready");
        while (!await IsReadyAsync(address).ConfigureAwait(false))
        {
            if (_process.HasExited)
            {
                var code = await _process.WaitForExitAsync(Limit).ConfigureAwait(false);
                throw new InvalidOperationException($"The node ended with {code} instead of getting ready:\n{Log}");
            }

            if (Stopwatch.GetElapsedTime(since) > Limit)
            {
                throw new InvalidOperationException($"The node was not ready within {Limit}:\n{Log}");
            }

            await Task.Delay(20).ConfigureAwait(false);
        }

        return Stopwatch.GetElapsedTime(since);
    }

    /// <summary>kill -9; it is gone when this returns.</summary>
    public async Task KillAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync(Limit).ConfigureAwait(false);
            _will?.Dispose();
            _will = null;
        }
    }

    /// <summary>Kills it, and throws when it has logged what was not announced.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync().ConfigureAwait(false);
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
        Watched.Check();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private IEnumerable<string> Options() =>
    [
        "--bind", "127.0.0.1",
        "--amqp-port", Text(_ports[0]),
        "--grpc-port", Text(_ports[1]),
        "--http-port", Text(_ports[2]),
        "--metrics-port", Text(_ports[3]),
        "--data", DataFolder,
        .. more,
    ];

    private async Task<bool> IsReadyAsync(Uri address)
    {
        try
        {
            using var answer = await _http.GetAsync(address).ConfigureAwait(false);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // Not listening yet: the caller asks again until its own limit.
            return false;
        }
    }
}
