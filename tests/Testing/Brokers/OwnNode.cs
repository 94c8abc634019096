using System.Text;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Testing.Logs;
using Granary.Testing.Processes;

namespace Granary.Testing.Brokers;

/// <summary>A node in the test's own process, whose users, vhosts and permissions the test changes from within.</summary>
public sealed class OwnNode : IAsyncDisposable
{
    private readonly HostedNode _node;
    private readonly string _data;

    private OwnNode(HostedNode node, int[] ports, string data, WatchedLog watched)
    {
        (_node, _data, Watched) = (node, data, watched);
        (AmqpPort, GrpcPort) = (ports[0], ports[1]);
    }

    public int AmqpPort { get; }

    public int GrpcPort { get; }

    /// <summary>Where a test announces what the node will log.</summary>
    public WatchedLog Watched { get; }

    public IAccessGrain Access => _node.Grains.Access();

    public static async Task<OwnNode> StartAsync()
    {
        var data = Directory.CreateTempSubdirectory("granary-test-").FullName;
        var ports = FreePort.Take(4);
        var watched = new WatchedLog();
        return new OwnNode(await HostedNode.StartAsync(ports, data, seed: null, watched).ConfigureAwait(false), ports, data, watched);
    }

    /// <summary>Adds a user, with a password of the same name.</summary>
    public async Task AddUserAsync(string name, params string[] tags) => await Access.PutUserAsync(new UserSettings(name)
    {
        PasswordHash = PasswordHash.Create(Encoding.UTF8.GetBytes(name)),
        Tags = tags,
    }).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync().ConfigureAwait(false);
        Directory.Delete(_data, recursive: true);
        Watched.Check();
    }
}
