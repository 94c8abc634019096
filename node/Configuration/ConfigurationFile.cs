using System.Globalization;

namespace Granary.Node.Configuration;

/// <summary>What a file sets, by the names of settings.</summary>
internal sealed class ConfigurationFile
{
    public const string StandardName = "granary.conf";

    // A file that is no configuration at all has as many as it has lines.
    private const int MostFaults = 20;

    public static readonly ConfigurationFile None = new();

    private readonly Dictionary<string, ConfiguredValue> _values = [];
    private readonly List<ConfigurationLine> _effective = [];
    private readonly List<ConfigurationLine> _withoutEffect = [];
    private readonly List<string> _faults = [];
    private int _moreFaults;

    private ConfigurationFile()
    {
    }

    /// <summary>Where it is; null: there is none.</summary>
    public string? Path { get; private init; }

    /// <summary>Lines that RabbitMQ would do something for.</summary>
    public IReadOnlyList<ConfigurationLine> WithoutEffect => _withoutEffect;

    /// <summary>Why it cannot be used, a sentence for each line.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>What it sets this to; null: nothing.</summary>
    public ConfiguredValue? this[string setting] => _values.TryGetValue(setting, out var value) ? value : null;

    /// <param name="settings">The names of all settings: with _ for -, each is a key.</param>
    public static ConfigurationFile Read(string path, IReadOnlyCollection<string> settings)
    {
        var file = new ConfigurationFile { Path = path };
        try
        {
            file.Take(path, File.ReadAllText(path), settings);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            file._faults.Add($"The configuration file cannot be read: {exception.Message}");
        }

        return file;
    }

    /// <summary>As <see cref="Read"/>, of a text.</summary>
    public static ConfigurationFile Parse(string path, string text, IReadOnlyCollection<string> settings)
    {
        var file = new ConfigurationFile { Path = path };
        file.Take(path, text, settings);
        return file;
    }

    private void Take(string path, string text, IReadOnlyCollection<string> settings)
    {
        var own = settings.ToDictionary(setting => setting.Replace('-', '_'));
        var known = new KnownKeys([.. own.Keys, .. RabbitMqKeys.All]);
        ConfigurationLine[] lines = [.. ConfigurationText.Read(System.IO.Path.GetFileName(path), text, fault => AddFault(() => fault))];
        foreach (var line in lines)
        {
            if (RabbitKeys.Counts(line, lines))
            {
                Take(line, own, known);
            }
            else
            {
                _withoutEffect.Add(line);
            }
        }

        RabbitListeners.Complete(_values, _effective);
        if (_moreFaults > 0)
        {
            _faults.Add(string.Create(CultureInfo.InvariantCulture, $"{System.IO.Path.GetFileName(path)}: there are faults in these lines and {_moreFaults:N0} more."));
        }
    }

    private void AddFault(Func<string> tell)
    {
        if (_faults.Count < MostFaults)
        {
            _faults.Add(tell());
        }
        else
        {
            _moreFaults++;
        }
    }

    private void Take(ConfigurationLine line, Dictionary<string, string> own, KnownKeys known)
    {
        foreach (var key in RabbitKeys.Effective)
        {
            if (key.Matches(line.Key, out var name))
            {
                Set(line, key, name);
                return;
            }
        }

        if (own.TryGetValue(line.Key, out var setting))
        {
            _values[setting] = new ConfiguredValue(line.Value, line);
        }
        else if (!known.Contains(line.Key))
        {
            AddFault(() =>
            {
                var (nearest, changes) = known.Nearest(line.Key);
                return $"{line.Place}: there is no key '{line.Key}'{(changes <= Math.Max(3, line.Key.Length / 3) ? $"; '{nearest}' is one" : "")}.";
            });
        }
        else if (!RabbitKeys.Agrees(line))
        {
            _withoutEffect.Add(line);
        }
    }

    private void Set(ConfigurationLine line, RabbitKey key, string name)
    {
        if (line.Value.StartsWith("encrypted:", StringComparison.Ordinal))
        {
            AddFault(() => $"{line.Place}: {line.Key} is encrypted for RabbitMQ, and nobody else can read it: give it as it is, or in a file of its own that an environment variable names (docs/operations.md, \"Configuration\").");
            return;
        }

        try
        {
            if (key.Convert(line.Value, name) is not { } value)
            {
                _withoutEffect.Add(line);
                return;
            }

            _effective.Add(line);
            _values[key.Setting] = key.Adds && _values.TryGetValue(key.Setting, out var before) && before.IsList
                ? new ConfiguredValue(string.Join(',', new[] { before.Text, value }.Where(part => part.Length > 0)), line) { IsList = true }
                : new ConfiguredValue(value, line) { IsList = key.Adds };
        }
        catch (FormatException exception)
        {
            AddFault(() => Sentence.About(line.Value, $"{line.Place}: {line.Key}: {exception.Message}."));
        }
    }
}

/// <summary>What a file has for a setting.</summary>
/// <param name="Text">As on the command line.</param>
/// <param name="Line">Where it is; of several, the last.</param>
internal sealed record ConfiguredValue(string Text, ConfigurationLine Line)
{
    /// <summary>Several lines may be for it, and none of them need be left.</summary>
    public bool IsList { get; init; }

    /// <summary>For operators.</summary>
    public string Origin => $"{Line.Place}: {Line.Key}";
}
