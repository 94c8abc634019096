using System.Collections.Concurrent;
using System.Net;
using Granary.Core.Access;
using Granary.Gateway.Access;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>There is one user, guest, with the password guest, over loopback only, who may do everything in <c>/</c>: what a new store begins with. A test may change that.</summary>
internal sealed class FakeAccess : IAccess
{
    private static readonly KnownUser Guest = new("guest", ["administrator"], default);

    private readonly ConcurrentDictionary<ClientRights, byte> _clients = new();
    private readonly ConcurrentDictionary<(string User, string Vhost), Rights> _changed = new();

    /// <summary>Nobody keeps the rights current: they are not known.</summary>
    public bool IsLost { get; private set; }

    public bool IsHeld => !IsLost;

    /// <summary>How often rights were asked for while they were not known.</summary>
    public int Asked { get; private set; }

    public int Clients => _clients.Count;

    public ValueTask<KnownUser?> LogInAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation) => ValueTask.FromResult(
        user == "guest" && password.Span.SequenceEqual("guest"u8) && Loopback.Includes(from) ? Guest : null);

    public ValueTask<KnownUser?> AdmitAsync(string user, IPAddress? from, CancellationToken cancellation) =>
        ValueTask.FromResult(user == "guest" && Loopback.Includes(from) ? Guest : null);

    public Rights? Find(string user, string vhost) => IsLost ? null
        : _changed.GetValueOrDefault((user, vhost))
        ?? new Rights(user, vhost, user == "guest" ? Guest : null, vhost == "/" ? new Vhost("/") : null, vhost == "/" ? Permission.Full(user, vhost) : null, []);

    public async ValueTask<Rights> FindAsync(string user, string vhost, CancellationToken cancellation)
    {
        while (true)
        {
            if (Find(user, vhost) is { } rights)
            {
                return rights;
            }

            Asked++;
            await Task.Delay(1, cancellation).ConfigureAwait(false);
        }
    }

    public void Follow(ClientRights rights) => _clients[rights] = 0;

    public void Leave(ClientRights rights) => _clients.TryRemove(rights, out _);

    /// <summary>Changes what a user may do; all clients have heard of it on return.</summary>
    public void Change(Rights rights)
    {
        _changed[(rights.UserName, rights.VhostName)] = rights;
        TellAll();
    }

    /// <summary>The guest's permissions in <c>/</c>.</summary>
    public void Permit(string configure, string write, string read, params TopicPermission[] topics) =>
        Change(new Rights("guest", "/", Guest, new Vhost("/"), new Permission("guest", "/", configure, write, read), topics));

    public void Lose() => IsLost = true;

    /// <summary>What users may do is known again.</summary>
    public void FindAgain()
    {
        IsLost = false;
        TellAll();
    }

    private void TellAll()
    {
        foreach (var (client, _) in _clients)
        {
            client.Refresh();
        }
    }
}
