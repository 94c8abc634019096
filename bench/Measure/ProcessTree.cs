using System.Globalization;

namespace Granary.Bench.Measure;

/// <summary>CPU time and memory of a process and all its descendants, from /proc.</summary>
internal sealed class ProcessTree(int root)
{
    /// <summary>USER_HZ, the unit of /proc/PID/stat, is 100 on every Linux that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>Sums up the tree as it is now; throws when the root is gone.</summary>
    public ProcessUsage Read()
    {
        var all = new Dictionary<int, Stat>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            var name = Path.GetFileName(folder);
            if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && TryReadStat(pid, out var stat))
            {
                all[pid] = stat;
            }
        }

        if (!all.ContainsKey(root))
        {
            throw new InvalidOperationException($"there is no process {root} (--broker-pid)");
        }

        var usage = default(ProcessUsage);
        foreach (var (pid, stat) in all)
        {
            if (IsInTree(pid, all))
            {
                usage = new ProcessUsage(
                    usage.CpuSeconds + (stat.Ticks / TicksPerSecond),
                    usage.ResidentBytes + (stat.Pages * Environment.SystemPageSize));
            }
        }

        return usage;
    }

    private bool IsInTree(int pid, Dictionary<int, Stat> all)
    {
        for (var steps = 0; steps < 64 && pid > 0; steps++)
        {
            if (pid == root)
            {
                return true;
            }

            if (!all.TryGetValue(pid, out var stat))
            {
                return false;
            }

            pid = stat.Parent;
        }

        return false;
    }

    private static bool TryReadStat(int pid, out Stat stat)
    {
        stat = default;
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (IOException)
        {
            // The process ended between the listing and the reading: it is not part of the tree any more.
            return false;
        }

        // The name, in parentheses, may hold blanks; the fields are counted behind it: state is the third of proc(5).
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        const int Offset = 3;
        var ticks = 0L;
        for (var field = 14; field <= 17; field++)
        {
            ticks += long.Parse(fields[field - Offset], CultureInfo.InvariantCulture);
        }

        stat = new Stat(
            int.Parse(fields[4 - Offset], CultureInfo.InvariantCulture),
            ticks,
            long.Parse(fields[24 - Offset], CultureInfo.InvariantCulture));
        return true;
    }

    /// <summary>The parent, user and system time (of ended children, too), and resident pages.</summary>
    private readonly record struct Stat(int Parent, long Ticks, long Pages);
}

/// <summary>What a process tree has used up and holds.</summary>
internal readonly record struct ProcessUsage(double CpuSeconds, long ResidentBytes);
