using System.Net;

namespace Granary.Gateway.Sockets;

/// <summary>An address on which <see cref="DirectTransport"/> listens, and not Kestrel's own transport.</summary>
internal sealed class DirectEndPoint(IPAddress address, int port) : IPEndPoint(address, port);
