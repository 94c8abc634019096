using System.Globalization;
using Granary.Testing.Brokers;

namespace Granary.Compat.Tests;

/// <summary>What a broker's process holds: memory and descriptors.</summary>
internal sealed record Residue(long ResidentBytes, int Descriptors)
{
    public static Residue Of(BrokerProcess broker)
    {
        var process = string.Create(CultureInfo.InvariantCulture, $"/proc/{broker.ProcessId ?? throw new InvalidOperationException("The broker was not started here.")}");
        var line = File.ReadLines($"{process}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        var kilobytes = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        return new Residue(kilobytes << 10, Directory.GetFileSystemEntries($"{process}/fd").Length);
    }
}
