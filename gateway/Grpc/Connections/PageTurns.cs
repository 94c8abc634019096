namespace Granary.Gateway.Grpc.Connections;

/// <summary>
/// How many pages of messages one connection may be told at a time; calls beyond that wait. A page is in memory until the client has read it, and without this a client that reads none could
/// ask for a thousand of them.
/// </summary>
internal sealed class PageTurns
{
    /// <summary>Of up to 2 MiB of bodies.</summary>
    public const int Pages = 4;

    /// <summary>Of up to 1 MiB, and asked for by applications.</summary>
    public const int Gets = 32;

    private readonly SemaphoreSlim _pages = new(Pages), _gets = new(Gets);

    /// <summary>Null: it is none of these calls.</summary>
    /// <param name="call">Its full name; null: it is no call.</param>
    public SemaphoreSlim? Of(string? call) => call switch
    {
        "/granary.v1.Messaging/Browse" or "/granary.v1.Topology/ListDelayed" => _pages,
        "/granary.v1.Messaging/Get" => _gets,
        _ => null,
    };
}
