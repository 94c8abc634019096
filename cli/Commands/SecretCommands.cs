using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Granary.Cli.Invocation;
using Granary.Cli.Output;
using Granary.Cli.Secrets;

namespace Granary.Cli.Commands;

/// <summary>Values that are encrypted for RabbitMQ's advanced.config or rabbitmq.conf. No broker is asked.</summary>
internal static partial class SecretCommands
{
    private const string Configuration = "Configuration and Environment";
    private const string Observability = "Monitoring, observability and health checks";

    private const string ConfigurationTag = "encrypted:";

    private static readonly CommandOption[] Options = [new("cipher", HasValue: true), new("hash", HasValue: true), new("iterations", HasValue: true)];

    public static IEnumerable<Command> All =>
    [
        Encrypting("encode", "Encrypts a sensitive configuration value", "Encrypting value ...", static encrypted => $"{{encrypted,<<\"{encrypted}\">>}}"),
        Encrypting("encrypt_conf_value", "Encrypts a sensitive configuration value to be used in rabbitmq.conf", "Encrypting value to be used in rabbitmq.conf...", static encrypted => $"{ConfigurationTag}{encrypted}"),
        Decrypting("decode", "Decrypts an encrypted configuration value", "Decrypting value..."),
        Decrypting("decrypt_conf_value", "Decrypts an encrypted configuration value", "Decrypting a rabbitmq.conf string value..."),
        Listed("list_ciphers", "Lists cipher suites supported by encoding commands", "Listing supported ciphers ...", PassphraseCipher.Ciphers),
        Listed("list_hashes", "Lists hash functions supported by encoding commands", "Listing supported hash algorithms ...", PassphraseCipher.Hashes),
    ];

    private static Command Encrypting(string name, string summary, string banner, Func<string, string> tell) =>
        new(name, Configuration, summary, "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]")
        {
            MostWords = 2,
            Options = Options,
            Check = static call => Settings(call),
            Banner = _ => UserCommands.Told(banner),
            Run = call =>
            {
                var (cipher, hash, iterations) = Settings(call);
                var (value, passphrase) = (Word(call, 0), Word(call, 1));
                var encrypted = PassphraseCipher.Encrypt(
                    ErlangTerm.Encode(value) ?? throw new CommandException(ExitCode.Unavailable, "Error during cipher operation: the value is a binary, a string, an atom or a whole number of Erlang"),
                    passphrase, cipher, hash, iterations);
                return DoneAsync(tell(encrypted), new JsonArray("encrypted", encrypted));
            },
        };

    private static Command Decrypting(string name, string summary, string banner) =>
        new(name, Configuration, summary, "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]")
        {
            MostWords = 2,
            Options = Options,
            Check = static call =>
            {
                if (call.Words.Count == 0)
                {
                    throw CommandException.NotValid("not enough arguments: Please provide a value to decode and a passphrase");
                }

                Settings(call);
            },
            Banner = _ => UserCommands.Told(banner),
            Run = call =>
            {
                var (cipher, hash, iterations) = Settings(call);
                return (name == "decode" ? Encrypted() : Tagged()).Match(call.Words[0]) is { Success: true } value
                    && PassphraseCipher.Decrypt(value.Groups[1].Value, Word(call, 1), cipher, hash, iterations) is { } clear
                    && ErlangTerm.Decode(clear) is var (shown, plain)
                    ? DoneAsync(shown, plain)
                    : throw new CommandException(
                        ExitCode.Unavailable,
                        "Failed to decrypt the value. Things to check: is the passphrase correct? Are the cipher and hash algorithms the same as those used for encryption?");
            },
        };

    private static Command Listed(string name, string summary, string banner, IEnumerable<string> all) => new(name, Observability, summary, "")
    {
        Banner = _ => UserCommands.Told(banner),
        Run = _ => DoneAsync($"[{string.Join(',', all)}]", new JsonArray([.. all.Select(static one => (JsonNode?)one)])),
    };

    private static Task<Answer> DoneAsync(string text, JsonNode value) =>
        Task.FromResult<Answer>(new TextAnswer(text, new JsonObject { ["node"] = NodeCommands.LocalName, ["result"] = "ok", ["value"] = value }));

    /// <exception cref="CommandException">There is no such cipher or hash.</exception>
    private static (string Cipher, string Hash, int Iterations) Settings(CommandCall call)
    {
        var (cipher, hash) = (call["cipher"] ?? PassphraseCipher.StandardCipher, call["hash"] ?? PassphraseCipher.StandardHash);
        var iterations = call["iterations"] is { } text ? call.Number(text, "--iterations") : PassphraseCipher.StandardIterations;
        return !PassphraseCipher.Ciphers.Contains(cipher) ? throw CommandException.BadArgument("The requested cipher is not supported.")
            : !PassphraseCipher.Hashes.Contains(hash) ? throw CommandException.BadArgument("The requested hash is not supported")
            : iterations < 1 ? throw CommandException.BadArgument("The requested number of iterations is incorrect")
            : (cipher, hash, iterations);
    }

    // Secrets need not be arguments, which everybody on a machine sees.
    private static string Word(CommandCall call, int word) => call.Words.Count > word ? call.Words[word]
        : call.Input.ReadLine() ?? throw new CommandException(ExitCode.Unavailable, "not_enough_args");

    [GeneratedRegex("""^\s*\{\s*encrypted\s*,\s*<<"([^"]*)">>\s*\}\s*$""")]
    private static partial Regex Encrypted();

    // As in the file, also in quotes or as a term of Erlang's.
    [GeneratedRegex("""^\s*(?:\{\s*encrypted\s*,\s*)?(?:<<)?"?(?:encrypted:)?([A-Za-z0-9+/=]+)"?(?:>>)?\s*\}?\s*$""")]
    private static partial Regex Tagged();
}
