namespace Granary.Node.Configuration;

/// <summary>Where the configuration file is. It is looked for before anything is parsed, as it says what holds where the command line does not.</summary>
internal static class ConfigurationPath
{
    public const string StandardFolder = "data";

    private const string Option = "--config", DataOption = "--data", RabbitVariable = "RABBITMQ_CONFIG_FILE", Extension = ".conf";

    /// <summary>The file that is named, or else the one in the data folder if there is one; null: none.</summary>
    public static string? Find(IReadOnlyList<string> arguments, Func<string, string?> environment)
    {
        if (Given(arguments, environment, Option) is { } named)
        {
            return named;
        }

        // There it may stand without what RabbitMQ puts behind it.
        if (environment(RabbitVariable) is { Length: > 0 } rabbit)
        {
            return File.Exists(rabbit) || rabbit.EndsWith(Extension, StringComparison.Ordinal) ? rabbit : rabbit + Extension;
        }

        var standard = Path.Combine(Given(arguments, environment, DataOption) ?? StandardFolder, ConfigurationFile.StandardName);
        return File.Exists(standard) ? standard : null;
    }

    private static string? Given(IReadOnlyList<string> arguments, Func<string, string?> environment, string option)
    {
        for (var i = arguments.Count - 1; i >= 0; i--)
        {
            if (arguments[i] == option && i + 1 < arguments.Count)
            {
                return arguments[i + 1];
            }

            if (arguments[i].StartsWith(option, StringComparison.Ordinal) && arguments[i].Length > option.Length && arguments[i][option.Length] is '=' or ':')
            {
                return arguments[i][(option.Length + 1)..];
            }
        }

        return environment(Settings.VariableOf(option)) is { Length: > 0 } text ? text : null;
    }
}
