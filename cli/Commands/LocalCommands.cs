using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>Commands that ask no broker.</summary>
internal static class LocalCommands
{
    /// <summary>The version of RabbitMQ whose tools these take the place of: scripts choose by it what they may ask.</summary>
    public const string Version = "4.2.0";

    public static IEnumerable<Command> All =>
    [
        new("version", "Help", "Displays CLI tools version", "")
        {
            Run = static _ => Task.FromResult<Answer>(
                new TextAnswer(Version, new JsonObject { ["node"] = NodeCommands.LocalName, ["result"] = "ok", ["value"] = new JsonObject { ["version"] = Version } })),
        },
        new("autocomplete", "Help", "Provides command name autocomplete variants", "<prefix>")
        {
            LeastWords = 1,
            Run = static call => Task.FromResult<Answer>(new StreamAnswer(call.Tool.Commands.Select(static command => command.Name)
                .Where(name => name.StartsWith(call.Words[0], StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToAsyncEnumerable())),
        },
        new("hash_password", "Users", "Hashes a plaintext password", "[<cleartext_password>]")
        {
            MostWords = 1,
            Banner = static _ => UserCommands.Told("Will hash a password"),
            Run = static call =>
            {
                var password = Encoding.UTF8.GetBytes(call.Words.Count > 0 ? call.Words[0] : call.Input.ReadLine() ?? "");
                var salt = RandomNumberGenerator.GetBytes(4);
                return Task.FromResult(Answer.Of(Convert.ToBase64String([.. salt, .. SHA256.HashData([.. salt, .. password])])));
            },
        },
    ];
}
