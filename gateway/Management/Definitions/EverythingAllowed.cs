using System.Net;
using Granary.Core.Access;
using Granary.Gateway.Access;

namespace Granary.Gateway.Management.Definitions;

/// <summary>
/// For an import: an administrator who may make users and permissions may make what is in the file, wherever he has none himself. And for whoever asks at the control socket.
/// </summary>
internal sealed class EverythingAllowed : IAccess
{
    public static readonly EverythingAllowed Instance = new();

    public bool IsHeld => true;

    public ValueTask<KnownUser?> LogInAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation) =>
        throw new NotSupportedException("Nobody logs in here.");

    public ValueTask<KnownUser?> AdmitAsync(string user, IPAddress? from, CancellationToken cancellation) => throw new NotSupportedException("Nobody logs in here.");

    public Rights Find(string user, string vhost) => Rights.Full(user, vhost);

    public ValueTask<Rights> FindAsync(string user, string vhost, CancellationToken cancellation) => ValueTask.FromResult(Rights.Full(user, vhost));

    public void Follow(ClientRights rights)
    {
    }

    public void Leave(ClientRights rights)
    {
    }
}
