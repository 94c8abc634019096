using System.Globalization;

namespace Granary.Testing.Brokers;

/// <summary>What a broker's process holds: memory and descriptors.</summary>
/// <param name="ResidentBytes">Of memory.</param>
/// <param name="Descriptors">Open files and sockets.</param>
public sealed record Residue(long ResidentBytes, int Descriptors)
{
    /// <summary>What a broker that was started here holds now.</summary>
    public static Residue Of(BrokerProcess broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        var process = string.Create(CultureInfo.InvariantCulture, $"/proc/{broker.ProcessId ?? throw new InvalidOperationException("The broker was not started here.")}");
        var line = File.ReadLines($"{process}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        var kilobytes = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        return new Residue(kilobytes << 10, Directory.GetFileSystemEntries($"{process}/fd").Length);
    }
}
