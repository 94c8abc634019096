using Granary.Core;
using Granary.Gateway.Access;

namespace Granary.Gateway.Amqp.Connections;

/// <summary>What the handshake agreed on.</summary>
/// <param name="FrameMax">In octets, at least 4096.</param>
/// <param name="Heartbeat">Zero for none.</param>
internal sealed record ConnectionTerms(
    string User, string Vhost, ushort ChannelMax, int FrameMax, TimeSpan Heartbeat, ClientCapabilities Capabilities)
{
    /// <summary>How the client logged in.</summary>
    public string Mechanism { get; init; } = "";

    /// <summary>Who has logged in; null: whoever the server's own access knows by that name.</summary>
    public Login? Login { get; init; }

    /// <summary>What the client said of itself, for people.</summary>
    public EncodedTable ClientProperties { get; init; }
}

/// <summary>What the client said it can do, as far as the broker acts on it.</summary>
internal sealed record ClientCapabilities(bool ConsumerCancelNotify, bool ConnectionBlocked, bool AuthenticationFailureClose);
