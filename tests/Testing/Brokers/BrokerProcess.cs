using System.Globalization;
using Granary.Testing.Logs;
using Granary.Testing.Processes;
using Granary.Testing.Unkind;

namespace Granary.Testing.Brokers;

/// <summary>A broker for tests with real clients: the node executable in a process of its own, or one that runs already.</summary>
/// <remarks>
/// GRANARY_TEST_AMQP_PORT (and GRANARY_TEST_GRPC_PORT, GRANARY_TEST_HTTP_PORT) name a broker on 127.0.0.1 that runs already, RabbitMQ for instance;
/// it is then neither started nor stopped here. GRANARY_TEST_BROKER=rabbitmq-3 says that it is a RabbitMQ 3. Under a GRANARY_TEST_SEED the shared broker is a
/// node in the test's own process, whose calls are treated unkindly.
/// </remarks>
public sealed class BrokerProcess : IAsyncDisposable
{
    private const int MostStarts = 5;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly Lazy<Task<BrokerProcess>> One = new(StartSharedAsync);

    private readonly ChildProcess? _process;
    private readonly HostedNode? _hosted;
    private readonly LogMark? _mark;
    private readonly string? _data;
    private readonly LastWill? _will;

    private BrokerProcess(int amqpPort, int grpcPort, WatchedLog watched)
    {
        (AmqpPort, GrpcPort, Watched) = (amqpPort, grpcPort, watched);
        SharedLog = new SharedLog(watched);
    }

    private BrokerProcess(int[] ports, HostedNode hosted, string data, WatchedLog watched)
        : this(ports[0], ports[1], watched) => (HttpPort, MetricsPort, _hosted, _data) = (ports[2], ports[3], hosted, data);

    private BrokerProcess(int[] ports, ChildProcess process, string data, WatchedLog watched, LogMark mark)
        : this(ports[0], ports[1], watched)
    {
        (HttpPort, MetricsPort, _process, _data, _mark) = (ports[2], ports[3], process, data, mark);
        _will = new LastWill(process.Id, data);
    }

    /// <summary>The broker that all tests of this process share; null before the first has asked for it.</summary>
    public static BrokerProcess? Shared => One.IsValueCreated && One.Value.IsCompletedSuccessfully ? One.Value.Result : null;

    /// <summary>The AMQP port on 127.0.0.1.</summary>
    public int AmqpPort { get; }

    /// <summary>The gRPC port on 127.0.0.1; 0 when the broker has none.</summary>
    public int GrpcPort { get; }

    /// <summary>The port of the HTTP API on 127.0.0.1; 0 when it is not known.</summary>
    public int HttpPort { get; private init; }

    /// <summary>The port for metrics on 127.0.0.1; 0 when it is not known.</summary>
    public int MetricsPort { get; }

    /// <summary>The folder of its files; null for a broker that ran already.</summary>
    public string? DataFolder => _data;

    /// <summary>The id of the process that was started here; null for a broker that ran already.</summary>
    public int? ProcessId => _process?.Id;

    /// <summary>Whether a RabbitMQ 3 stands in for the broker (GRANARY_TEST_BROKER=rabbitmq-3): a few answers differ from those of 4.2, which Granary gives.</summary>
    public bool IsRabbitMq3 { get; } = Environment.GetEnvironmentVariable("GRANARY_TEST_BROKER") == "rabbitmq-3";

    /// <summary>What clients that take one address are given.</summary>
    public string AmqpUrl => $"amqp://guest:guest@127.0.0.1:{AmqpPort}/%2F";

    /// <summary>What the broker has logged so far.</summary>
    public string Log => _process?.Output ?? "(not started by this test run)";

    /// <summary>What it logs. Only who has a broker of his own announces here; of the shared one, <see cref="SharedLog"/> knows which test ran when.</summary>
    public WatchedLog Watched { get; }

    /// <summary>What it logs, by test.</summary>
    public SharedLog SharedLog { get; }

    // Ports are free when they are picked; another test's socket may get one before the broker does.
    private bool HasLostAPort => Log.Contains("already in use", StringComparison.OrdinalIgnoreCase);

    /// <summary>The broker that all tests of this process share; started by the first, killed when the test process ends.</summary>
    public static Task<BrokerProcess> SharedAsync() => One.Value;

    /// <summary>A broker nobody else uses: for tests that judge the process itself. One that runs already is taken as it is.</summary>
    /// <param name="more">Options beside the ports and the folder.</param>
    public static Task<BrokerProcess> StartAsync(params string[] more) => StartAsync(environment: null, more);

    /// <inheritdoc cref="StartAsync(string[])"/>
    /// <param name="environment">Variables beside those of the test's process.</param>
    public static Task<BrokerProcess> StartAsync(IReadOnlyDictionary<string, string>? environment, params string[] more) => StartAsync(environment, isNameless: false, more);

    /// <summary>As <see cref="StartAsync(string[])"/>, run as <see cref="NamelessUser"/>.</summary>
    public static Task<BrokerProcess> StartNamelessAsync(params string[] more) => StartAsync(environment: null, isNameless: true, more);

    private static async Task<BrokerProcess> StartAsync(IReadOnlyDictionary<string, string>? environment, bool isNameless, string[] more)
    {
        if (PortFromEnvironment("GRANARY_TEST_AMQP_PORT") is { } amqpPort)
        {
            return new BrokerProcess(amqpPort, PortFromEnvironment("GRANARY_TEST_GRPC_PORT") ?? 0, new WatchedLog()) { HttpPort = PortFromEnvironment("GRANARY_TEST_HTTP_PORT") ?? 0 };
        }

        var node = Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll");
        if (!File.Exists(node))
        {
            throw new FileNotFoundException($"{node} is missing: build node in the configuration of this test.", node);
        }

        for (var start = 1; ; start++)
        {
            var data = Directory.CreateTempSubdirectory("granary-test-").FullName;
            var ports = FreePort.Take(4);
            var watched = new WatchedLog();
            var mark = new LogMark(ports[0]);
            string[] command = ["dotnet", node, .. Options(ports, data), .. more];
            if (isNameless)
            {
                NamelessUser.Admit(data);
                command = NamelessUser.Command(command);
            }

            var process = ChildProcess.Start(command[0], command[1..], environment, onLine: line =>
            {
                watched.Add(LogLine.Parse(line));
                mark.Look(line);
            });
            var broker = new BrokerProcess(ports, process, data, watched, mark);
            try
            {
                await broker.WaitUntilReadyAsync().ConfigureAwait(false);
                return broker;
            }
            catch (InvalidOperationException) when (start < MostStarts && broker.HasLostAPort)
            {
                await broker.RemoveAsync().ConfigureAwait(false);
            }
            catch
            {
                await broker.RemoveAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    /// <summary>Returns when all that the broker has logged so far is known here.</summary>
    public void Settle()
    {
        if (_process is { HasExited: false })
        {
            _mark?.Make();
        }
    }

    /// <summary>Ends it, and throws when it has logged what was not announced.</summary>
    public async ValueTask DisposeAsync()
    {
        Settle();
        await RemoveAsync().ConfigureAwait(false);
        Watched.Check();
    }

    private async ValueTask RemoveAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync(StartLimit).ConfigureAwait(false);
            await _process.DisposeAsync().ConfigureAwait(false);
        }

        if (_hosted is not null)
        {
            await _hosted.DisposeAsync().ConfigureAwait(false);
        }

        _will?.Dispose();

        if (_data is not null)
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    private static IEnumerable<string> Options(int[] ports, string data) =>
    [
        "--bind", "127.0.0.1",
        "--amqp-port", Text(ports[0]),
        "--grpc-port", Text(ports[1]),
        "--http-port", Text(ports[2]),
        "--metrics-port", Text(ports[3]),
        "--data", data,
    ];

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);

    private static async Task<BrokerProcess> StartSharedAsync()
    {
        var broker = TestSeed.OfThisRun is { } seed && PortFromEnvironment("GRANARY_TEST_AMQP_PORT") is null
            ? await StartUnkindAsync(seed).ConfigureAwait(false)
            : await StartAsync().ConfigureAwait(false);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => broker.RemoveAsync().AsTask().GetAwaiter().GetResult();
        return broker;
    }

    private static async Task<BrokerProcess> StartUnkindAsync(int seed)
    {
        var data = Directory.CreateTempSubdirectory("granary-test-").FullName;
        var ports = FreePort.Take(4);
        var watched = new WatchedLog();
        return new BrokerProcess(ports, await HostedNode.StartAsync(ports, data, seed, watched).ConfigureAwait(false), data, watched);
    }

    private static int? PortFromEnvironment(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    private async Task WaitUntilReadyAsync()
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        using var limit = new CancellationTokenSource(StartLimit);
        var address = new Uri($"http://127.0.0.1:{HttpPort}/health/ready");
        while (!await IsReadyAsync(http, address).ConfigureAwait(false))
        {
            if (_process is { HasExited: true } || limit.IsCancellationRequested)
            {
                if (_process is { HasExited: true })
                {
                    // Its last words may still be on their way.
                    await _process.WaitForExitAsync(StartLimit).ConfigureAwait(false);
                }

                throw new InvalidOperationException($"The broker did not get ready at {address}. Its log:\n{Log}");
            }

            await Task.Delay(50).ConfigureAwait(false);
        }
    }

    private static async Task<bool> IsReadyAsync(HttpClient http, Uri address)
    {
        try
        {
            using var answer = await http.GetAsync(address).ConfigureAwait(false);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // Not listening yet: the caller asks again until its own limit.
            return false;
        }
    }
}
