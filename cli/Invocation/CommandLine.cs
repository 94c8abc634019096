namespace Granary.Cli.Invocation;

/// <summary>What was given on a command line: words, and options wherever they stand.</summary>
internal sealed class CommandLine
{
    private const string No = "--no-";

    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);

    // Switches that were said to be off.
    private readonly HashSet<string> _off = new(StringComparer.Ordinal);

    // What is the command's own, of whatever name.
    private readonly HashSet<string> _own;

    private CommandLine(IReadOnlyList<string> given, IEnumerable<CommandOption> own) =>
        (Given, _own) = (given, own.Select(static option => option.Name).ToHashSet(StringComparer.Ordinal));

    /// <summary>As it was typed.</summary>
    public IReadOnlyList<string> Given { get; }

    /// <summary>The first word; null without.</summary>
    public string? Name { get; private set; }

    /// <summary>The words behind the name.</summary>
    public IReadOnlyList<string> Words { get; private set; } = [];

    /// <summary>Options that nobody knows, as they were typed.</summary>
    public IReadOnlyList<string> Unknown { get; private set; } = [];

    public string? this[string option] => _options.GetValueOrDefault(option);

    /// <summary>A general option: null also where the command has one of its own by that name, which means something else then.</summary>
    public string? General(string option) => _own.Contains(option) ? null : this[option];

    /// <summary>Whether it was given; of a switch, that it is on.</summary>
    public bool Has(string option) => _options.ContainsKey(option) && !_off.Contains(option);

    /// <summary>The name of the command, found before its options are known: options that take a value must be among the general ones to stand before it.</summary>
    public static string? FindName(IReadOnlyList<string> given) => Parse(given, [CommandOption.Vhost]).Name;

    /// <param name="own">What the command takes beside the general options.</param>
    public static CommandLine Parse(IReadOnlyList<string> given, IEnumerable<CommandOption> own)
    {
        CommandOption[] special = [.. own];
        CommandOption[] known = [.. special, .. CommandOption.Everywhere];
        var line = new CommandLine(given, special);
        List<string> words = [];
        List<string> unknown = [];
        for (var i = 0; i < given.Count; i++)
        {
            var word = given[i];
            if (word == "--")
            {
                words.AddRange(given.Skip(i + 1));
                break;
            }

            if (!IsOption(word))
            {
                words.Add(word);
                continue;
            }

            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals > 0 ? (word[..equals], word[(equals + 1)..]) : (word, null);
            if (Find(known, name) is not { } option)
            {
                // A switch is turned off so, too.
                if (value is null && name.StartsWith(No, StringComparison.Ordinal) && Find(known, $"--{name[No.Length..]}") is { HasValue: false } off)
                {
                    line.Switch(off, isOn: false);
                }
                else
                {
                    unknown.Add(name);
                }
            }
            else if (!option.HasValue && value is null or "true" or "false")
            {
                line.Switch(option, value != "false");
            }
            else if (!option.HasValue)
            {
                unknown.Add(name);
            }
            else if (value is not null || i + 1 < given.Count)
            {
                line._options[option.Name] = value ?? given[++i];
            }
            else
            {
                unknown.Add(name);
            }
        }

        line.Name = words.FirstOrDefault();
        line.Words = [.. words.Skip(1)];
        line.Unknown = unknown;
        return line;
    }

    private void Switch(CommandOption option, bool isOn)
    {
        _options[option.Name] = isOn ? "true" : "false";
        if (isOn)
        {
            _off.Remove(option.Name);
        }
        else
        {
            _off.Add(option.Name);
        }
    }

    // A number below zero, and a dash alone (standard output), are words.
    private static bool IsOption(string word) => word.Length > 1 && word[0] == '-' && !char.IsAsciiDigit(word[1]);

    private static CommandOption? Find(CommandOption[] known, string name) => name.StartsWith("--", StringComparison.Ordinal)
        ? Array.Find(known, option => option.Name == name[2..].Replace('_', '-'))
        : name.Length == 2 ? Array.Find(known, option => option.Short == name[1]) : null;
}
