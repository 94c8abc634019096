namespace Granary.Gateway.Sockets;

/// <summary>What went one way over a socket.</summary>
/// <param name="Packets">How often it was read from, or written to, which is what RabbitMQ counts as packets.</param>
internal readonly record struct SocketTraffic(long Octets, long Packets);
