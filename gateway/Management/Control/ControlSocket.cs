using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Granary.Gateway.Figures;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Granary.Gateway.Management.Control;

/// <summary>
/// The management API at a Unix socket, for tools on the broker's own machine: who may open it is the broker's user, or root, and needs no password. The kernel says who it is.
/// </summary>
internal static partial class ControlSocket
{
    // Linux's names: SOL_SOCKET and SO_PEERCRED, and the size of its struct ucred (pid, uid, gid).
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private const int CredentialsSize = 12;
    private const int UserAt = 4;

    private const uint Root = 0;

    public static void ListenForControl(this KestrelServerOptions kestrel, string path) => kestrel.ListenUnixSocket(path, listen =>
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(next => connection =>
        {
            if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket || !Admits(socket))
            {
                connection.Abort(new ConnectionAbortedException("The control socket is for the broker's own user and root."));
                return Task.CompletedTask;
            }

            connection.Features.Set(PortRole.Control);
            return next(connection);
        });
    });

    private static bool Admits(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[CredentialsSize];
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == CredentialsSize
            && BinaryPrimitives.ReadUInt32LittleEndian(credentials[UserAt..]) is var user
            && (user == Root || user == GetEffectiveUser());
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();
}
