namespace Granary.Gateway.Management.Definitions;

/// <summary>What is imported before clients are served, at each start: RabbitMQ's <c>load_definitions</c>.</summary>
/// <param name="Path">A definitions file, or a folder: then of all its files whose names end in <c>.json</c>, in the order of their names. Or an address with https.</param>
/// <param name="SkipIfUnchanged">Not when the same was imported last: what operators have changed since then stays. RabbitMQ's <c>definitions.skip_if_unchanged</c>.</param>
public sealed record BootDefinitions(string Path, bool SkipIfUnchanged)
{
    /// <summary>How the server is asked, if <see cref="Path"/> is an address.</summary>
    public DefinitionsServer Server { get; init; } = new();

    /// <summary>Why there is nothing to import, for the operator; null: there is. A server is not asked.</summary>
    public string? Refusal()
    {
        if (DefinitionsServer.IsAddress(Path))
        {
            return Server.Refusal(Path);
        }

        try
        {
            Find();
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"--load-definitions: {exception.Message}.";
        }
    }

    /// <summary>The files in the order of their import, or the address.</summary>
    /// <exception cref="IOException">They cannot be found, or there are none.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    internal IReadOnlyList<string> Find()
    {
        if (DefinitionsServer.IsAddress(Path))
        {
            return [Path];
        }

        if (!Directory.Exists(Path))
        {
            return File.Exists(Path) ? [Path] : throw new FileNotFoundException($"there is no file or folder '{Path}'");
        }

        // Kubernetes mounts a folder of links, beside folders with names of their own.
        string[] found = [.. Directory.EnumerateFiles(Path, "*.json").Order(StringComparer.Ordinal)];
        return found.Length > 0 ? found : throw new FileNotFoundException($"the folder '{Path}' has no file whose name ends in .json");
    }
}
