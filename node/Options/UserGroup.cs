using System.CommandLine;
using System.Text;
using Granary.Core.Access;
using Granary.Node.Configuration;
using Granary.Silo.Access;

namespace Granary.Node.Options;

/// <summary>The options of the first administrator of a new store.</summary>
internal sealed class UserGroup(Settings settings)
{
    private const string Guest = "guest";

    private readonly Option<string?> _user = settings.Of<string?>(
        "--default-user", null, "The first administrator of a new store, who may log in from everywhere. guest, over loopback only, unless told.", SettingText.AsItIs,
        "RABBITMQ_DEFAULT_USER", mayBeInFile: true);

    private readonly Option<string?> _passwordFile = settings.Of<string?>(
        "--default-pass-file", null, "A file with the password of --default-user; GRANARY_DEFAULT_PASS is the password itself.", SettingText.AsItIs, "RABBITMQ_DEFAULT_PASS_FILE");

    private readonly Option<string> _loopback = settings.Of(
        "--loopback-users", Guest, "Which users of a new store may log in over loopback only, with commas between them; none for nobody.", SettingText.AsItIs);

    private readonly Option<string> _vhost = settings.Of("--default-vhost", Vhost.Standard, "The first vhost of a new store.", VhostName, "RABBITMQ_DEFAULT_VHOST", mayBeInFile: true);

    private readonly Option<string> _configure = settings.Of(
        "--default-permissions-configure", FirstVhost.All, "What the first user of a new store may declare and delete in its first vhost: a regular expression.", Pattern);

    private readonly Option<string> _write = settings.Of(
        "--default-permissions-write", FirstVhost.All, "What the first user of a new store may publish to in its first vhost: a regular expression.", Pattern);

    private readonly Option<string> _read = settings.Of(
        "--default-permissions-read", FirstVhost.All, "What the first user of a new store may consume from in its first vhost: a regular expression.", Pattern);

    public AdministratorSettings Read(ParseResult result)
    {
        var (user, file, password) = (result.GetValue(_user), result.GetValue(_passwordFile), settings.ReadSecret(Secret.DefaultPass));

        // Whoever names a file on the command line or in the environment means it to win over the configuration file.
        var isOfLess = settings.IsFromFile(Secret.DefaultPass.Name) && !settings.IsFromFile("default-pass-file");
        var settled = file is { Length: > 0 } && isOfLess ? null : password;
        var loopback = result.GetValue(_loopback)!.Split(',', StringSplitOptions.TrimEntries);
        return new AdministratorSettings(user, settled, file, loopback);
    }

    public FirstVhost ReadVhost(ParseResult result) =>
        new(result.GetValue(_vhost)!, result.GetValue(_configure)!, result.GetValue(_write)!, result.GetValue(_read)!);

    // Names are short strings where clients give them.
    private static string VhostName(string text) => Encoding.UTF8.GetByteCount(text) is > 0 and <= byte.MaxValue
        ? text
        : throw new FormatException("the name of a vhost has 1 to 255 bytes");

    private static string Pattern(string text) => NamePattern.Refusal(text) is { } refusal ? throw new FormatException($"'{text}' is no regular expression: {refusal}") : text;
}
