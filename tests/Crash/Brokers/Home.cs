using Granary.Testing.Postgres;

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

    public PostgresServer? Server { get; }

    /// <summary>Left where it is at the end, to be looked at.</summary>
    public bool IsKept { get; set; }

    private string[] Options => Server is null ? ["--store", "files"] : ["--store", "postgres", "--connection", _connection];

    public static async Task<Home> CreateAsync(StoreKind store)
    {
        var folder = Directory.CreateTempSubdirectory("granary-crash-").FullName;
        var server = store == StoreKind.Postgres ? await PostgresServer.StartAsync() : null;
        return new Home(folder, server, server is null ? "" : await server.CreateDatabaseAsync());
    }

    /// <summary>Starts the node on it and waits for nothing.</summary>
    public NodeProcess Start() => NodeProcess.Start(Folder, Options);

    /// <summary>Starts the node on it and waits until it is ready.</summary>
    public Task<NodeProcess> StartReadyAsync() => NodeProcess.StartReadyAsync(Folder, Options);

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
