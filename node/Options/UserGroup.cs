using System.CommandLine;
using Granary.Node.Configuration;

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

    public AdministratorSettings Read(ParseResult result)
    {
        var (user, file, password) = (result.GetValue(_user), result.GetValue(_passwordFile), settings.ReadSecret(Secret.DefaultPass));

        // Whoever names a file on the command line or in the environment means it to win over the configuration file.
        var isOfLess = settings.IsFromFile(Secret.DefaultPass.Name) && !settings.IsFromFile("default-pass-file");
        var settled = file is { Length: > 0 } && isOfLess ? null : password;
        var loopback = result.GetValue(_loopback)!.Split(',', StringSplitOptions.TrimEntries);
        return new AdministratorSettings(user, settled, file, loopback);
    }
}
