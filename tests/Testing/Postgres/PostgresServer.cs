using System.Diagnostics;
using System.Globalization;
using Granary.Testing.Processes;

namespace Granary.Testing.Postgres;

/// <summary>A PostgreSQL server of a test's own: in a folder that goes with it, on a free port of the loopback address, with everything synced as in production.</summary>
/// <remarks>GRANARY_TEST_POSTGRES_BIN names the folder of its programs where they are not in Debian's. PostgreSQL does not run as root; root's tests run it as the user postgres.</remarks>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string User = "granary";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly string Programs = Environment.GetEnvironmentVariable("GRANARY_TEST_POSTGRES_BIN") ?? "/usr/lib/postgresql/15/bin";
    private static readonly Lazy<Task<PostgresServer>> One = new(StartSharedAsync);

    private readonly string _folder;
    private readonly string[] _settings;
    private ChildProcess? _server;
    private int _databases;

    private PostgresServer(string folder, int port, string[] settings)
    {
        _folder = folder;
        Port = port;
        _settings = settings;
    }

    /// <summary>Its port on 127.0.0.1, the same after each start.</summary>
    public int Port { get; }

    /// <summary>Where it listens on a Unix socket as well, which buffers less than TCP does: a client is never far ahead of it.</summary>
    public string SocketFolder => _folder;

    /// <summary>Its own database, for administration.</summary>
    public string ConnectionString => ConnectionStringOf("postgres");

    /// <summary>What it has logged since its last start.</summary>
    public string Log => _server?.Output ?? "(not running)";

    private static string[] AsServerUser => Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];

    private string Data => Path.Combine(_folder, "data");

    /// <summary>The server that all tests of this process share; started by the first, killed when the test process ends.</summary>
    public static Task<PostgresServer> SharedAsync() => One.Value;

    /// <summary>A server nobody else uses: for tests that stop or starve it.</summary>
    /// <param name="folder">An existing folder that it may use, and that is left to the caller; null for one in the temporary folder.</param>
    /// <param name="settings">Lines as in postgresql.conf.</param>
    public static async Task<PostgresServer> StartAsync(string? folder = null, params string[] settings)
    {
        var server = new PostgresServer(folder ?? Directory.CreateTempSubdirectory("granary-postgres-").FullName, FreePort.Take(1)[0], settings);
        try
        {
            await server.InitializeAsync().ConfigureAwait(false);
            await server.StartAgainAsync().ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A standby of this server, which receives what this one writes, and is asked by nobody whether it has.</summary>
    public async Task<PostgresServer> StartStandbyAsync()
    {
        var standby = new PostgresServer(Directory.CreateTempSubdirectory("granary-postgres-").FullName, FreePort.Take(1)[0], _settings);
        try
        {
            await standby.TakeFolderAsync().ConfigureAwait(false);
            string[] from = ["--host", "127.0.0.1", "--port", Port.ToString(CultureInfo.InvariantCulture), "--username", User];
            await standby.RunAsync("pg_basebackup", ["-D", standby.Data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync", .. from]).ConfigureAwait(false);

            // The last line of a name counts.
            await File.AppendAllLinesAsync(
                Path.Combine(standby.Data, "postgresql.conf"), [$"port = {standby.Port}", $"unix_socket_directories = '{standby._folder}'"]).ConfigureAwait(false);
            await standby.StartAgainAsync().ConfigureAwait(false);
            return standby;
        }
        catch
        {
            await standby.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Makes a standby a server of its own.</summary>
    public Task PromoteAsync() => RunAsync("pg_ctl", "promote", "-D", Data, "-w");

    /// <summary>An empty database; what connects to it.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref _databases)}");
        await RunAsync("createdb", "--host", "127.0.0.1", "--port", Port.ToString(CultureInfo.InvariantCulture), "--username", User, name).ConfigureAwait(false);
        return ConnectionStringOf(name);
    }

    /// <summary>Starts it after <see cref="StopAsync"/> or <see cref="KillAsync"/>, and waits until it answers.</summary>
    public async Task StartAgainAsync()
    {
        string[] command = [.. AsServerUser, Path.Combine(Programs, "postgres"), "-D", Data];
        _server = ChildProcess.Start(command[0], command[1..], folder: _folder);
        using var limit = new CancellationTokenSource(Limit);
        while (!await IsReadyAsync().ConfigureAwait(false))
        {
            if (_server.HasExited && IsInUse(Log) && !limit.IsCancellationRequested)
            {
                // What was killed takes a moment to be gone.
                await EndAsync().ConfigureAwait(false);
                _server = ChildProcess.Start(command[0], command[1..], folder: _folder);
            }
            else if (_server.HasExited || limit.IsCancellationRequested)
            {
                throw new InvalidOperationException($"PostgreSQL did not start in {_folder}:\n{Log}");
            }

            await Task.Delay(50).ConfigureAwait(false);
        }
    }

    /// <summary>Stops it in good order; connections are ended.</summary>
    public async Task StopAsync()
    {
        await RunAsync("pg_ctl", "stop", "-D", Data, "-m", "fast", "-w").ConfigureAwait(false);
        await EndAsync().ConfigureAwait(false);
    }

    /// <summary>Kills it with all its processes, as kill -9 does.</summary>
    public async Task KillAsync()
    {
        _server?.Kill();
        await EndAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync().ConfigureAwait(false);
        for (var attempt = 1; Directory.Exists(_folder); attempt++)
        {
            try
            {
                Directory.Delete(_folder, recursive: true);
            }
            catch (IOException) when (attempt < 50)
            {
                // One of its processes still wrote when it was killed.
                await Task.Delay(20).ConfigureAwait(false);
            }
        }
    }

    private static async Task<PostgresServer> StartSharedAsync()
    {
        var server = await StartAsync().ConfigureAwait(false);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.Abandon();
        return server;
    }

    private static bool IsInUse(string log) =>
        log.Contains("is still in use", StringComparison.Ordinal) || log.Contains("already exists", StringComparison.Ordinal);

    // A test host that ends gives no time to remove a folder of this size, or to end processes one by one, which stops each of them first: another process does it.
    // The server's own processes end with it, some of them while the folder is being removed.
    private void Abandon()
    {
        if (_server is { HasExited: false })
        {
            const string Script = "exec </dev/null >/dev/null 2>&1; kill -9 \"$1\"; until rm -rf \"$2\"; do sleep 0.1; done";
            Process.Start("sh", ["-c", Script, "sh", _server.Id.ToString(CultureInfo.InvariantCulture), _folder]).Dispose();
        }
    }

    private string ConnectionStringOf(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username={User};Database={database}");

    private async Task TakeFolderAsync()
    {
        if (AsServerUser.Length > 0)
        {
            await ChildProcess.RunAsync("chown", ["postgres", _folder], Limit).ConfigureAwait(false);
        }
    }

    private async Task InitializeAsync()
    {
        await TakeFolderAsync().ConfigureAwait(false);
        await RunAsync("initdb", "-D", Data, "--username", User, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync").ConfigureAwait(false);
        await File.AppendAllLinesAsync(
            Path.Combine(Data, "postgresql.conf"),
            [$"port = {Port}", "listen_addresses = '127.0.0.1'", $"unix_socket_directories = '{_folder}'", "max_connections = 200", .. _settings]).ConfigureAwait(false);
    }

    private async Task<bool> IsReadyAsync()
    {
        string[] arguments = ["--host", "127.0.0.1", "--port", Port.ToString(CultureInfo.InvariantCulture), "--username", User, "--dbname", "postgres"];
        await using var check = ChildProcess.Start(Path.Combine(Programs, "pg_isready"), arguments, folder: _folder);
        return await check.WaitForExitAsync(Limit).ConfigureAwait(false) == 0;
    }

    private Task RunAsync(string program, params string[] arguments)
    {
        string[] command = [.. AsServerUser, Path.Combine(Programs, program), .. arguments];
        return ChildProcess.RunAsync(command[0], command[1..], Limit, folder: _folder);
    }

    private async Task EndAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync().ConfigureAwait(false);
            _server = null;
        }
    }
}
