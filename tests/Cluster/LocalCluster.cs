using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Granary.Testing.Logs;
using Granary.Testing.Processes;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;

namespace Granary.Cluster.Tests;

/// <summary>What <c>cluster.sh</c> starts: PostgreSQL, silos and gateways as processes of this machine.</summary>
internal sealed class LocalCluster : IAsyncDisposable
{
    /// <summary>The collection of tests that start one: several at once are too much for a small machine.</summary>
    public const string OneAtATime = "cluster";

    /// <summary>An option of cluster.sh's: the links between its processes can be cut.</summary>
    public const string InNamespaces = "--namespaces";

    /// <summary>The name of the PostgreSQL that goes with a cluster, where a member's is asked for.</summary>
    public const string Database = "postgres";

    // What a member that was stopped may find when it wakes up.
    private static readonly int[] NewsOfTheStopped = [3309, 3511, 3521];

    // Nobody's: what is sent there is nowhere received.
    private const string Nowhere = "02:00:00:00:00:01";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private readonly ChildProcess _script;

    /// <summary>As the script has told of them last: it starts again whatever has ended, whoever it was asked for.</summary>
    private readonly ConcurrentDictionary<string, Member> _members;
    private readonly string _connection;
    private readonly HashSet<(int Event, string About)> _allowed = [];
    private readonly HashSet<string> _stopped = [];

    private LocalCluster(ChildProcess script, string connection, ConcurrentDictionary<string, Member> members) => (_script, _connection, _members) = (script, connection, members);

    /// <summary>The database that its members share.</summary>
    public string Connection => _connection;

    /// <param name="options">More of cluster.sh's.</param>
    public static Task<LocalCluster> StartAsync(int silos, int gateways, params string[] options) => StartAsync(silos, gateways, environment: null, options);

    /// <param name="environment">Of the members.</param>
    /// <param name="options">More of cluster.sh's.</param>
    public static async Task<LocalCluster> StartAsync(int silos, int gateways, IReadOnlyDictionary<string, string>? environment, params string[] options)
    {
        var ready = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var members = new ConcurrentDictionary<string, Member>();
        string[] counts = [silos.ToString(CultureInfo.InvariantCulture), gateways.ToString(CultureInfo.InvariantCulture)];
        var script = ChildProcess.Start(Path.Combine(RepositoryPath.Root, "cluster.sh"), [.. counts, "--json", .. options], environment, onLine: line =>
        {
            if (line.StartsWith('{') && !ready.TrySetResult(line))
            {
                using var again = JsonDocument.Parse(line);
                var member = Member.From(again.RootElement);
                members[member.Name] = member;
            }
        });
        try
        {
            using var json = JsonDocument.Parse(await ready.Task.WaitAsync(StartLimit));
            var connection = json.RootElement.GetProperty("connection").GetString()!;
            foreach (var member in json.RootElement.GetProperty("processes").EnumerateArray().Select(Member.From))
            {
                members[member.Name] = member;
            }

            return new LocalCluster(script, connection, members);
        }
        catch (TimeoutException)
        {
            var output = script.Output;
            await script.DisposeAsync();
            throw new InvalidOperationException($"The cluster did not start:\n{output}");
        }
    }

    /// <summary>The AMQP port of a gateway, counted from 1.</summary>
    public int AmqpPort(int gateway) => _members[$"gateway-{gateway}"].Amqp;

    /// <summary>The port of a gateway, counted from 1, for proxies; with <c>--proxies</c>.</summary>
    public int ProxyPort(int gateway) => _members[$"gateway-{gateway}"].Proxy;

    /// <summary>The gRPC port of a gateway, counted from 1.</summary>
    public int GrpcPort(int gateway) => _members[$"gateway-{gateway}"].Grpc;

    /// <summary>How a client of a gateway, counted from 1, connects: from beside it, since the user that there is may come from there only.</summary>
    public ConnectionFactory ClientOf(int gateway)
    {
        var member = _members[$"gateway-{gateway}"];
        var factory = new ConnectionFactory { HostName = "127.0.0.1", Port = member.Amqp, AutomaticRecoveryEnabled = false };
        if (member.Namespace is { } there)
        {
            factory.SocketFactory = family => new TcpClientAdapter(NetworkNamespace.OpenSocket(there, family));
        }

        return factory;
    }

    /// <summary>What one process sends to another is lost from now on. The other way round is a cut of its own.</summary>
    public Task CutAsync(string from, string to) =>
        ChangeLinkAsync(from, "replace", _members[to].Address!, "lladdr", Nowhere, "dev", "eth0", "nud", "permanent");

    /// <summary>Undoes a cut.</summary>
    public Task MendAsync(string from, string to) => ChangeLinkAsync(from, "delete", _members[to].Address!, "dev", "eth0");

    /// <summary>The HTTP port of a member.</summary>
    public int HttpPort(string member) => _members[member].Http;

    /// <summary>What other members know a silo by, as far as it stays from one life to the next.</summary>
    public string NodeName(string member) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_members[member].Silo}");

    /// <summary>What a member has logged.</summary>
    public IEnumerable<LogLine> LogOf(string member) => File.ReadLines(_members[member].Log).Select(LogLine.Parse);

    /// <summary>Completes when a member has logged an event, this many times.</summary>
    public async Task WhenLoggedAsync(string member, int eventId, int times = 1)
    {
        using var limit = new CancellationTokenSource(StartLimit);
        while (LogOf(member).Count(line => line.Event == eventId) < times)
        {
            await Task.Delay(100, limit.Token);
        }
    }

    /// <summary>Whose connection it is that comes from this port.</summary>
    public string MemberWithPort(int port)
    {
        var end = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        var inodes = new[] { "/proc/net/tcp", "/proc/net/tcp6" }.SelectMany(File.ReadLines)
            .Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[1].EndsWith(end, StringComparison.Ordinal))
            .Select(static fields => $"socket:[{fields[9]}]")
            .ToHashSet(StringComparer.Ordinal);
        return _members.Values.Single(member => Directory.EnumerateFiles(string.Create(CultureInfo.InvariantCulture, $"/proc/{member.Pid}/fd")).Any(IsOne)).Name;

        bool IsOne(string file)
        {
            try
            {
                return File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name is { } target && inodes.Contains(target);
            }
            catch (FileNotFoundException)
            {
                // It was closed meanwhile.
                return false;
            }
        }
    }

    /// <summary>What a member answers to who asks whether it is ready.</summary>
    public async Task<HttpStatusCode> ReadinessAsync(string member)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri($"http://{_members[member].Address ?? "127.0.0.1"}:{_members[member].Http}/health/ready"));
        return answer.StatusCode;
    }

    /// <summary>Sends a signal to a member, such as <c>KILL</c>.</summary>
    public async Task SignalAsync(string member, string signal)
    {
        if (signal == "STOP")
        {
            _stopped.Add(member);
        }

        await ChildProcess.RunAsync("kill", [$"-{signal}", _members[member].Pid.ToString(CultureInfo.InvariantCulture)], StartLimit);
    }

    /// <summary>Ends a member that may have ended already, and that may be stopped.</summary>
    public async Task EndAsync(string member) =>
        await ChildProcess.RunAsync("sh", ["-c", $"kill -KILL {_members[member].Pid.ToString(CultureInfo.InvariantCulture)} 2>/dev/null || true"], StartLimit);

    /// <summary>Starts a member, or <see cref="Database"/>, that has ended, on the ports that it had; completes when it is ready.</summary>
    public async Task StartAgainAsync(string member)
    {
        await WhenEndedAsync(member);
        var ended = _members[member].Pid;
        await ChildProcess.RunAsync("kill", ["-USR1", _script.Id.ToString(CultureInfo.InvariantCulture)], StartLimit);
        using var limit = new CancellationTokenSource(StartLimit);
        while (_members[member].Pid == ended)
        {
            Assert.False(_script.HasExited || limit.IsCancellationRequested, $"{member} did not start again:\n{_script.Output}{EndOfLog(member)}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>Starts all members again that have ended, and those that end meanwhile; completes when none is gone.</summary>
    public async Task StartAllAgainAsync()
    {
        using var limit = new CancellationTokenSource(StartLimit);
        while (await GoneAsync() is { Length: > 0 } gone)
        {
            Assert.False(_script.HasExited || limit.IsCancellationRequested, $"{string.Join(", ", gone)} did not start again:\n{_script.Output}{EndOfLog(gone[0])}");
            await ChildProcess.RunAsync("kill", ["-USR1", _script.Id.ToString(CultureInfo.InvariantCulture)], StartLimit);
            await Task.Delay(250, CancellationToken.None);
        }
    }

    /// <summary>Completes when a member's process has ended by itself.</summary>
    public async Task WhenEndedAsync(string member)
    {
        using var limit = new CancellationTokenSource(StartLimit);
        while (!HasEnded(member))
        {
            Assert.False(limit.IsCancellationRequested, $"{member} has not ended:\n{EndOfLog(member)}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>Whether a member's process has ended.</summary>
    public bool HasEnded(string member)
    {
        try
        {
            // Until its parent has asked for its end it is there, as a zombie.
            var status = File.ReadAllText($"/proc/{_members[member].Pid.ToString(CultureInfo.InvariantCulture)}/stat");
            var (state, parent) = (status[(status.LastIndexOf(')') + 2)..].Split(' ')) is [var first, var second, ..] ? (first, second) : ("Z", "");

            // Another parent's process has only its number.
            return state == "Z" || parent != _script.Id.ToString(CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It is gone, perhaps while it was looked at.
            return true;
        }
    }

    /// <summary>Those that have ended, and those that the list of members has as dead, or no more, and that may not know it yet.</summary>
    public async Task<string[]> GoneAsync()
    {
        if (HasEnded(Database))
        {
            return [.. _members.Keys.Where(HasEnded)];
        }

        await using var database = NpgsqlDataSource.Create(_connection);
        await using var command = database.CreateCommand("select distinct on (Port) Port, Status from OrleansMembershipTable order by Port, Generation desc");
        await using var rows = await command.ExecuteReaderAsync();
        Dictionary<int, SiloStatus> statuses = [];
        while (await rows.ReadAsync())
        {
            statuses[rows.GetInt32(0)] = (SiloStatus)rows.GetInt32(1);
        }

        return [.. from member in _members.Values
                   where HasEnded(member.Name) || (member.Name != Database && statuses.GetValueOrDefault(member.Silo, SiloStatus.Dead) is not (SiloStatus.Active or SiloStatus.Joining or SiloStatus.Created))
                   select member.Name];
    }

    /// <summary>Completes when the others know that a member is gone.</summary>
    public async Task WhenDeclaredDeadAsync(string member)
    {
        await using var database = NpgsqlDataSource.Create(_connection);
        await using var command = database.CreateCommand("select count(*) from OrleansMembershipTable where Port = $1 and Status = $2");
        command.Parameters.AddWithValue(_members[member].Silo);
        command.Parameters.AddWithValue((int)SiloStatus.Dead);
        using var limit = new CancellationTokenSource(StartLimit);
        while ((long)(await command.ExecuteScalarAsync(limit.Token))! == 0)
        {
            await Task.Delay(100, limit.Token);
        }
    }

    /// <summary>What the list of members has a member as.</summary>
    public async Task<SiloStatus> StatusAsync(string member)
    {
        await using var database = NpgsqlDataSource.Create(_connection);
        await using var command = database.CreateCommand("select Status from OrleansMembershipTable where Port = $1 order by Generation desc limit 1");
        command.Parameters.AddWithValue(_members[member].Silo);
        return (SiloStatus)(int)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Announces lines of Granary's own at Warning or above.</summary>
    /// <param name="about">What they say, in part: where a test shares the cluster with others, whose lines are not announced by that.</param>
    public void Allow(int eventId, string about) => _allowed.Add((eventId, about));

    /// <inheritdoc cref="Allow(int, string)"/>
    public void Allow(int eventId) => Allow(eventId, about: "");

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members.Keys)
        {
            // One that was stopped hears nothing of the end.
            await ChildProcess.RunAsync("sh", ["-c", $"kill -CONT {_members[member].Pid.ToString(CultureInfo.InvariantCulture)} 2>/dev/null || true"], StartLimit);
        }

        var logged = Unannounced();

        // How members stop is for tests of its own. In good order one waits for others, and for half a minute for those that are gone.
        foreach (var member in _members.Keys.Where(member => member != Database && !HasEnded(member)))
        {
            await EndAsync(member);
        }

        await ChildProcess.RunAsync("kill", ["-TERM", _script.Id.ToString(CultureInfo.InvariantCulture)], StartLimit);
        await _script.WaitForExitAsync(StartLimit);
        await _script.DisposeAsync();
        Assert.True(logged.Length == 0, $"logged and not announced:\n{string.Join('\n', logged)}");
    }

    private Task ChangeLinkAsync(string from, string change, params string[] rest) =>
        ChildProcess.RunAsync("ip", ["-n", _members[from].Namespace!, "neigh", change, .. rest], StartLimit);

    private string EndOfLog(string member) => member == Database ? "" : string.Join('\n', File.ReadLines(_members[member].Log).TakeLast(40));

    // The folder goes with the cluster. What Orleans says when a member is lost is not judged.
    private string[] Unannounced() =>
    [
        .. from member in _members.Keys
           where member != Database
           from line in LogOf(member)
           where line is { Level: >= LogLevel.Warning } && line.Category.StartsWith(nameof(Granary), StringComparison.Ordinal)
               && !_allowed.Any(allowed => allowed.Event == line.Event && line.Text.Contains(allowed.About, StringComparison.Ordinal))
               && !(_stopped.Contains(member) && NewsOfTheStopped.Contains(line.Event))
           select $"{member}: {line}",
    ];

    private sealed record Member(string Name, int Pid, int Silo, int Http, int Amqp, int Proxy, int Grpc, string Log, string? Address, string? Namespace)
    {
        public static Member From(JsonElement process) => new(
            process.GetProperty("name").GetString()!,
            process.GetProperty("pid").GetInt32(),
            PortOf(process, "silo"),
            PortOf(process, "http"),
            PortOf(process, "amqp"),
            PortOf(process, "proxy"),
            PortOf(process, "grpc"),
            TextOf(process, "log") ?? "",
            TextOf(process, "address"),
            TextOf(process, "namespace"));

        private static string? TextOf(JsonElement process, string name) => process.TryGetProperty(name, out var text) ? text.GetString() : null;

        private static int PortOf(JsonElement process, string name) => process.TryGetProperty(name, out var port) ? port.GetInt32() : 0;
    }
}
