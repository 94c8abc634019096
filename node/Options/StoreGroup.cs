using System.CommandLine;
using Granary.Node.Configuration;
using Granary.Silo.Hosting;

namespace Granary.Node.Options;

/// <summary>The options of where things are kept.</summary>
internal sealed class StoreGroup
{
    private readonly Option<DirectoryInfo> _data;
    private readonly Option<StoreKind> _store;
    private readonly Option<string?> _connection;
    private readonly Option<TimeSpan> _connectionWait;
    private readonly Option<bool> _repair;

    public StoreGroup(Settings settings)
    {
        _data = settings.Of("--data", new DirectoryInfo(ConfigurationPath.StandardFolder), "The folder for the node's files.", text => new DirectoryInfo(text));
        _store = settings.Of(
            "--store", StoreKind.Files, "Where messages and definitions are kept: files, postgres or memory, which forgets with the process.", SettingText.OneOf<StoreKind>);
        _connection = settings.Of<string?>(
            "--connection", null, "The connection string of --store postgres.", SettingText.AsItIs, isSecret: true, mayBeInFile: true);
        _connectionWait = settings.Of(
            "--connection-wait", TimeSpan.Zero, "How many seconds a start waits for a PostgreSQL that is out of reach, until it fails.", SettingText.AnyTime);
        _repair = settings.Of("--repair", false, "Go on without records of the store that are damaged, and say how many those are.", SettingText.Flag);
        _repair.Arity = ArgumentArity.ZeroOrOne;
    }

    public StoreOptions Read(ParseResult result) =>
        new(result.GetValue(_store), result.GetValue(_data), result.GetValue(_connection), result.GetValue(_repair)) { ConnectionWait = result.GetValue(_connectionWait) };
}
