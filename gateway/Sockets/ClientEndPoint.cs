using System.Net;

namespace Granary.Gateway.Sockets;

/// <summary>An address at which clients are listened for through Kestrel's own sockets, as long as <see cref="ClientListeners"/> admits any.</summary>
internal sealed class ClientEndPoint(IPAddress address, int port) : IPEndPoint(address, port);
