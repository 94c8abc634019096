using System.Globalization;
using System.Net;
using Granary.Testing.Processes;
using Npgsql;

namespace Granary.Cluster.Tests;

/// <summary>A process that a test starts beside those of a cluster, and that wants to be a member of it.</summary>
internal sealed class JoiningNode : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly ChildProcess _process;
    private readonly string _connection;
    private readonly string _folder;
    private readonly int _silo;
    private readonly int _http;

    private JoiningNode(ChildProcess process, string connection, string folder, int[] ports)
    {
        (_process, _connection, _folder) = (process, connection, folder);
        (_silo, _http, Amqp) = (ports[0], ports[1], ports[4]);
    }

    /// <summary>Its port for clients, if it is a gateway.</summary>
    public int Amqp { get; }

    /// <summary>What other members know it by.</summary>
    public string NodeName => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_silo}");

    public string Output => _process.Output;

    /// <param name="more">Options besides role, store and ports.</param>
    public static JoiningNode Start(string role, string connection, params string[] more) => Start(role, connection, logsDebug: false, more);

    /// <param name="logsDebug">Its output has what it does, too, not only what an operator should know.</param>
    public static JoiningNode Start(string role, string connection, bool logsDebug, params string[] more) => Start(role, connection, logsDebug, isNameless: false, more);

    /// <summary>As <see cref="Start(string, string, string[])"/>, run as <see cref="NamelessUser"/>.</summary>
    public static JoiningNode StartNameless(string role, string connection, params string[] more) => Start(role, connection, logsDebug: false, isNameless: true, more);

    private static JoiningNode Start(string role, string connection, bool logsDebug, bool isNameless, string[] more)
    {
        var folder = Directory.CreateTempSubdirectory("granary-joining-").FullName;
        var ports = FreePort.Take(5);
        string[] of = ["--silo-port", "--http-port", "--metrics-port", "--grpc-port", "--amqp-port"];
        string[] options =
        [
            "--role", role, "--store", "postgres", "--connection", connection, "--data", folder, .. more,
            .. of.Zip(ports).SelectMany(pair => new[] { pair.First, pair.Second.ToString(CultureInfo.InvariantCulture) }),
        ];
        string[] command = ["dotnet", Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), .. options];
        if (isNameless)
        {
            NamelessUser.Admit(folder);
            command = NamelessUser.Command(command);
        }

        var environment = logsDebug ? new Dictionary<string, string> { ["Logging__LogLevel__Granary"] = "Debug" } : null;
        return new JoiningNode(ChildProcess.Start(command[0], command[1..], environment), connection, folder, ports);
    }

    /// <summary>Completes when it is a member that serves.</summary>
    public async Task WhenReadyAsync()
    {
        using var http = new HttpClient();
        using var limit = new CancellationTokenSource(Limit);
        while (!await IsReadyAsync(http))
        {
            Assert.False(_process.HasExited || limit.IsCancellationRequested, $"It is not ready:\n{Output}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>As kill -9 does.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Kills it; completes when the others know that it is gone.</summary>
    public async Task EndAsync()
    {
        Kill();
        await using var database = NpgsqlDataSource.Create(_connection);
        await using var command = database.CreateCommand("select count(*) from OrleansMembershipTable where Port = $1 and Status <> $2");
        command.Parameters.AddWithValue(_silo);
        command.Parameters.AddWithValue((int)SiloStatus.Dead);
        using var limit = new CancellationTokenSource(Limit);
        while ((long)(await command.ExecuteScalarAsync(limit.Token))! > 0)
        {
            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>What the cluster has known it as when its process ends by itself.</summary>
    public async Task<HashSet<SiloStatus>> StatesUntilItEndsAsync()
    {
        HashSet<SiloStatus> states = [];
        await using var database = NpgsqlDataSource.Create(_connection);
        using var limit = new CancellationTokenSource(Limit);
        for (var hasEnded = false; !hasEnded;)
        {
            Assert.False(limit.IsCancellationRequested, $"It was {string.Join(", ", states)}, and still runs:\n{Output}");
            hasEnded = _process.HasExited;
            await using var command = database.CreateCommand("select Status from OrleansMembershipTable where Port = $1");
            command.Parameters.AddWithValue(_silo);
            if (await command.ExecuteScalarAsync(CancellationToken.None) is int status)
            {
                states.Add((SiloStatus)status);
            }

            await Task.Delay(20, CancellationToken.None);
        }

        return states;
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> IsReadyAsync(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{_http}/health/ready"));
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            // It does not listen yet.
            return false;
        }
    }
}
