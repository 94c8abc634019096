using System.Globalization;

namespace Granary.Gateway.Management.Nodes;

/// <summary>How long each thread of the process has been on a processor (proc(5)). For Linux; elsewhere there are none.</summary>
internal static class ThreadTimes
{
    /// <summary>Seconds: USER_HZ is 100 on every Linux.</summary>
    public const double Tick = 0.01;

    private const string Folder = "/proc/self/task";

    // Behind the name: utime and stime are the fields 14 and 15 of all, and the name is the second one.
    private const int UserAt = 11, SystemAt = 12;

    public static Dictionary<int, (string Name, long Ticks)> Read()
    {
        Dictionary<int, (string Name, long Ticks)> all = [];
        foreach (var thread in Directory.Exists(Folder) ? Directory.EnumerateDirectories(Folder) : [])
        {
            try
            {
                var text = File.ReadAllText(Path.Combine(thread, "stat"));

                // A name may have spaces and parentheses.
                var (begin, end) = (text.IndexOf('(', StringComparison.Ordinal), text.LastIndexOf(')'));
                var fields = text[(end + 2)..].Split(' ');
                all[int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture)] =
                    (text[(begin + 1)..end], long.Parse(fields[UserAt], CultureInfo.InvariantCulture) + long.Parse(fields[SystemAt], CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // It has just ended.
            }
        }

        return all;
    }
}
