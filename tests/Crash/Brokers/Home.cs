using System.Data.Common;
using Granary.Testing.Postgres;
using Granary.Testing.Processes;

namespace Granary.Crash.Brokers;

internal enum StoreKind
{
    Files,
    Postgres,
}

internal enum Victim
{
    Broker,
    Postgres,
}

/// <summary>Where a node's messages live between its runs: a folder, and a database server of its own if it is to use one.</summary>
internal sealed class Home : IAsyncDisposable
{
    private readonly string _connection = "";

    private Home(string folder, PostgresServer? server, string connection)
    {
        Folder = folder;
        Server = server;
        _connection = connection;
    }

    public string Folder { get; }

    /// <summary>The database server that goes with this home.</summary>
    public PostgresServer? Server { get; }

    /// <summary>Left where it is at the end, to be looked at.</summary>
    public bool IsKept { get; set; }

    /// <summary>Events that may be in the log of each node that is started here.</summary>
    public int[] Announced { get; set; } = [];

    private string[] Options => _connection.Length == 0 ? ["--store", "files"] : ["--store", "postgres", "--connection", _connection];

    public static async Task<Home> CreateAsync(StoreKind store)
    {
        var folder = Directory.CreateTempSubdirectory("granary-crash-").FullName;
        var server = store == StoreKind.Postgres ? await PostgresServer.StartAsync() : null;
        return new Home(folder, server, server is null ? "" : await server.CreateDatabaseAsync());
    }

    /// <summary>A home for another node on the same database, with a folder of its own, over a Unix socket. This one has to outlive it.</summary>
    /// <param name="name">What its connections call themselves.</param>
    public Home Beside(string name)
    {
        var connection = new DbConnectionStringBuilder { ConnectionString = _connection };
        connection["Host"] = Server!.SocketFolder;
        connection["Application Name"] = name;
        return new Home(Directory.CreateTempSubdirectory("granary-crash-").FullName, server: null, connection.ConnectionString);
    }

    /// <summary>Runs commands of psql in the database, one after the other over one connection, and returns what they answer.</summary>
    public async Task<string> QueryAsync(params string[] commands)
    {
        var connection = new DbConnectionStringBuilder { ConnectionString = _connection };
        string[] arguments =
        [
            "-h", $"{connection["Host"]}", "-p", $"{connection["Port"]}", "-U", $"{connection["Username"]}", "-d", $"{connection["Database"]}", "-A", "-q", "-t",
            .. commands.SelectMany(command => new[] { "-c", command }),
        ];
        return (await ChildProcess.RunAsync("psql", arguments, TimeSpan.FromSeconds(60))).Trim();
    }

    /// <summary>Starts the node on it and waits for nothing.</summary>
    public NodeProcess Start()
    {
        var node = NodeProcess.Start(Folder, Options);
        node.Watched.Allow(Announced);
        return node;
    }

    /// <summary>Starts the node on it and waits until it is ready.</summary>
    public async Task<NodeProcess> StartReadyAsync()
    {
        var node = await NodeProcess.StartReadyAsync(Folder, Options);
        node.Watched.Allow(Announced);
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        if (Server is not null)
        {
            await Server.DisposeAsync();
        }

        if (!IsKept)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
