using System.Globalization;
using System.Net.Sockets;
using Granary.Testing.Processes;

namespace Granary.Testing.Postgres;

/// <summary>Debian's PgBouncer before a server, on a free port of the loopback address, as it is configured out of the box but for its pool.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _folder;
    private ChildProcess? _process;

    private PgBouncer(string folder, int port) => (_folder, Port) = (folder, port);

    /// <summary>Where it is.</summary>
    public static string Program => "/usr/sbin/pgbouncer";

    /// <summary>Its port on 127.0.0.1.</summary>
    public int Port { get; }

    /// <param name="server">Where its connections go.</param>
    /// <param name="settings">Lines of its file, such as <c>pool_mode = transaction</c>.</param>
    public static async Task<PgBouncer> StartAsync(PostgresServer server, params string[] settings)
    {
        ArgumentNullException.ThrowIfNull(server);
        var bouncer = new PgBouncer(Directory.CreateTempSubdirectory("granary-pgbouncer-").FullName, FreePort.Take(1)[0]);
        try
        {
            await bouncer.RunAsync(server, settings).ConfigureAwait(false);
            return bouncer;
        }
        catch
        {
            await bouncer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync().ConfigureAwait(false);
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task RunAsync(PostgresServer server, string[] settings)
    {
        var file = Path.Combine(_folder, "pgbouncer.ini");
        await File.WriteAllLinesAsync(
            file,
            [
                "[databases]", string.Create(CultureInfo.InvariantCulture, $"* = host=127.0.0.1 port={server.Port} user=granary"),
                "[pgbouncer]", "listen_addr = 127.0.0.1", string.Create(CultureInfo.InvariantCulture, $"listen_port = {Port}"), "unix_socket_dir =", "auth_type = any", .. settings,
            ]).ConfigureAwait(false);

        // It does not run as root.
        string[] asUser = Environment.IsPrivilegedProcess ? ["-u", "postgres"] : [];
        if (Environment.IsPrivilegedProcess)
        {
            await ChildProcess.RunAsync("chown", ["-R", "postgres", _folder], Limit).ConfigureAwait(false);
        }

        _process = ChildProcess.Start(Program, [.. asUser, file], folder: "/");
        using var limit = new CancellationTokenSource(Limit);
        while (!await IsReadyAsync().ConfigureAwait(false))
        {
            if (_process.HasExited || limit.IsCancellationRequested)
            {
                throw new InvalidOperationException($"PgBouncer did not start:\n{_process.Output}");
            }

            await Task.Delay(20).ConfigureAwait(false);
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", Port).ConfigureAwait(false);
            return true;
        }
        catch (SocketException)
        {
            // Not yet.
            return false;
        }
    }
}
