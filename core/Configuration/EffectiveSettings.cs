namespace Granary.Core.Configuration;

/// <summary>How the process is set up, for whoever asks it.</summary>
/// <param name="File">The configuration file that was read; null: none was.</param>
public sealed record EffectiveSettings(string? File, IReadOnlyList<EffectiveSetting> All)
{
    public static readonly EffectiveSettings None = new(null, []);
}

/// <summary>One setting as it holds.</summary>
/// <param name="Name">As on the command line, without the dashes.</param>
/// <param name="Value">As on the command line; of a secret, only whether there is one.</param>
/// <param name="Origin">Where it is from: <c>default</c>, the file with its line and key, the environment variable, or <c>command line</c>.</param>
public sealed record EffectiveSetting(string Name, string Value, string Origin);
