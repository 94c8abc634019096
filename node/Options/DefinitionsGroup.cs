using System.CommandLine;
using Granary.Gateway.Management.Definitions;
using Granary.Node.Configuration;

namespace Granary.Node.Options;

/// <summary>The options of what is imported at each start.</summary>
internal sealed class DefinitionsGroup
{
    private readonly Option<string?> _path;
    private readonly Option<bool> _skip;

    public DefinitionsGroup(Settings settings)
    {
        _path = settings.Of<string?>(
            "--load-definitions", null,
            "A definitions file, or a folder with such files, that is imported at each start before clients are served. A new store begins with no user and no vhost then, unless --default-user is told.",
            SettingText.AsItIs);
        _skip = settings.Of("--definitions-skip-if-unchanged", false, "Whether --load-definitions imports nothing if the same was imported last.", SettingText.Flag);
        _skip.Arity = ArgumentArity.ZeroOrOne;
    }

    public BootDefinitions? Read(ParseResult result) =>
        result.GetValue(_path) is { Length: > 0 } path ? new BootDefinitions(path, result.GetValue(_skip)) : null;
}
