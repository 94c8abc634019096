using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using Granary.Core.Configuration;

namespace Granary.Node.Configuration;

/// <summary>
/// All that can be set. A value comes from the command line, else from the environment, else from the configuration file, else it is the default; and it is known where from.
/// </summary>
/// <param name="environment">The value of a variable; null or empty: it is not set.</param>
internal sealed class Settings(Func<string, string?> environment)
{
    public const string CommandLine = "command line", Default = "default";

    private const string Masked = "(set)";

    private readonly List<Option> _options = [];
    private readonly Dictionary<string, EffectiveSetting> _effective = [];
    private ConfigurationFile _file = ConfigurationFile.None;

    /// <summary>What can be given on the command line.</summary>
    public IReadOnlyList<Option> Options => _options;

    public ConfigurationFile File => _file;

    /// <summary>What holds, by name. To be asked when all options were parsed.</summary>
    public EffectiveSettings Effective => new(_file.Path, [.. _effective.Values.OrderBy(setting => setting.Name, StringComparer.Ordinal)]);

    /// <summary>What was wrong with a file that the environment names.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Reads the configuration file, before the command line is parsed.</summary>
    public void Read(string path) => _file = ConfigurationFile.Read(path, [.. _options.Select(option => option.Name[2..]), .. Secret.Names]);

    /// <summary>The environment variable that is the same as an option.</summary>
    public static string VariableOf(string option) => $"GRANARY_{option.TrimStart('-').Replace('-', '_').ToUpperInvariant()}";

    /// <summary>One more option.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="parse">Throws <see cref="FormatException"/>.</param>
    /// <param name="rabbit">RabbitMQ's variable for it, if it has one.</param>
    /// <param name="isSecret">Its value is not to be shown.</param>
    /// <param name="mayBeInFile">Variables with _FILE behind the name may say in which file its value is, as containers are given secrets.</param>
    public Option<T> Of<T>(string name, T standard, string description, Func<string, T> parse, string? rabbit = null, bool isSecret = false, bool mayBeInFile = false)
    {
        var variable = VariableOf(name);
        string[] variables = rabbit is null ? [variable] : [variable, rabbit];
        var option = new Option<T>(name)
        {
            Description = $"{description} [{string.Join(", ", variables)}]",
            CustomParser = result => Parse(result, result.Tokens.Count == 0 ? "true" : result.Tokens[0].Value, name, CommandLine),
            DefaultValueFactory = result => Given(variables, name[2..], mayBeInFile) is var (text, place, origin) ? Parse(result, text, place, origin) : Standard(),
        };
        _options.Add(option);
        return option;

        T Standard()
        {
            Note(name[2..], Text(standard), Default, isSecret);
            return standard;
        }

        T Parse(ArgumentResult result, string text, string place, string origin)
        {
            try
            {
                var value = parse(text);
                Note(name[2..], text, origin, isSecret);
                return value;
            }
            catch (Exception exception) when (exception is FormatException or ArgumentException)
            {
                result.AddError(Sentence.About(text, $"{place}: {exception.Message}"));
                return default!;
            }
        }
    }

    /// <summary>Something that is never on the command line, which everybody on the machine can read.</summary>
    public string? ReadSecret(Secret secret)
    {
        if (Given(secret.Variables, secret.Name, secret.MayBeInFile) is var (text, _, origin))
        {
            Note(secret.Name, text, origin, isSecret: true);
            return text;
        }

        return null;
    }

    /// <summary>Whether what was read of it is from the configuration file.</summary>
    public bool IsFromFile(string name) => _file[name] is { } configured && _effective.TryGetValue(name, out var setting) && setting.Origin == configured.Origin;

    // The text, what to call the place in an error, and where it is from.
    private (string Text, string Place, string Origin)? Given(string[] variables, string name, bool mayBeInFile)
    {
        foreach (var variable in variables)
        {
            if (environment(variable) is { Length: > 0 } text)
            {
                return (text, variable, $"environment {variable}");
            }

            if (mayBeInFile && environment($"{variable}_FILE") is { Length: > 0 } path)
            {
                return (ReadFile($"{variable}_FILE", path), $"{variable}_FILE", $"environment {variable}_FILE");
            }
        }

        return _file[name] is { } configured ? (configured.IsList && configured.Text.Length == 0 ? "none" : configured.Text, configured.Origin, configured.Origin) : null;
    }

    private string ReadFile(string variable, string path)
    {
        try
        {
            return System.IO.File.ReadAllText(path).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Refusal ??= $"{variable}: {exception.Message}";
            return "";
        }
    }

    private void Note(string name, string text, string origin, bool isSecret) =>
        _effective[name] = new EffectiveSetting(name, isSecret && text.Length > 0 ? Masked : text, origin);

    private static string Text<T>(T value) => value switch
    {
        null => "",
        TimeSpan time => time.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        bool flag => flag ? "true" : "false",
        Enum one => one.ToString().ToLowerInvariant(),
        IPAddress address => address.ToString(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
