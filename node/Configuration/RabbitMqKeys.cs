using System.Reflection;

namespace Granary.Node.Configuration;

/// <summary>The keys that RabbitMQ knows, whether or not they have an effect here.</summary>
internal static class RabbitMqKeys
{
    /// <summary>With * for one part of any name.</summary>
    public static IReadOnlyList<string> All { get; } = Read();

    private static string[] Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("rabbitmq-keys.txt")!;
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n').Where(line => line.Length > 0 && line[0] != '#')];
    }
}
