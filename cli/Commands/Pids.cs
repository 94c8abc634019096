using System.Text.Json.Nodes;

namespace Granary.Cli.Commands;

/// <summary>Names in the form of Erlang's processes, which tools take from lists and give back: made of what is known of a connection.</summary>
internal static class Pids
{
    /// <param name="node">Where the connection does not tell its own.</param>
    public static string OfConnection(JsonObject connection, JsonNode? node = null) =>
        connection["pid"]?.ToString() ?? $"<{connection["node"] ?? node}.{Number(connection["peer_host"])}.{connection["peer_port"]}.0>";

    /// <param name="channel">A channel, or what another object tells of one.</param>
    public static string OfChannel(JsonObject channel) =>
        channel["pid"]?.ToString() ?? $"<{channel["node"]}.{Number(Peer(channel, "peer_host"))}.{Peer(channel, "peer_port")}.{channel["number"]}>";

    private static JsonNode? Peer(JsonObject channel, string what) => channel["connection_details"]?[what] ?? channel[what];

    // Addresses that differ give numbers that mostly differ.
    private static uint Number(JsonNode? host)
    {
        var number = 17u;
        foreach (var letter in host?.ToString() ?? "")
        {
            number = (number * 31) + letter;
        }

        return number;
    }
}
