using System.Diagnostics;
using System.Globalization;
using Granary.Core.Alarms;

namespace Granary.Core.Figures;

/// <summary>What there is to say of any process: memory, files, threads, alarms.</summary>
/// <param name="memory">What it may use before publishers are held.</param>
/// <param name="name">What the node is called, if it is told; null: it is called by its machine.</param>
public sealed class ProcessFigures(MemoryLimit memory, PublisherAlarms alarms, ILocalSiloDetails silo, NodeName? name = null)
{
    /// <summary>RabbitMQ's, and that of most systems where nothing is said.</summary>
    private const long UsualFiles = 1_048_576;

    private static readonly long Files = MaxOpenFiles();
    private static readonly string HostName = Environment.MachineName.Split('.')[0];

    public NodeFigure Look()
    {
        using var process = Process.GetCurrentProcess();
        var raised = alarms.Own.Raised;
        return new NodeFigure(name?.Value ?? HostName)
        {
            Address = silo.SiloAddress.Endpoint.ToString(),
            Uptime = (long)(DateTime.UtcNow - process.StartTime.ToUniversalTime()).TotalMilliseconds,
            ProcessId = Environment.ProcessId,
            MemoryUsed = process.WorkingSet64,
            MemoryLimit = memory.Bytes,
            MemoryAlarm = raised.Contains(PublisherAlarm.Memory),
            DiskFree = FreeBytes(AppContext.BaseDirectory),
            DiskFreeLimit = StandardDiskFreeLimit,
            DiskAlarm = raised.Contains(PublisherAlarm.Disk),
            FilesUsed = OpenFiles(),
            FilesLimit = Files,
            Processors = Environment.ProcessorCount,
            RunQueue = ThreadPool.PendingWorkItemCount,
            Threads = process.Threads.Count,
            Collections = GC.CollectionCount(0),
            AllocatedBytes = GC.GetTotalAllocatedBytes(),
            Alarm = raised.Length > 0 ? PublisherAlarms.ReasonOf(raised) : null,
        };
    }

    /// <summary>RabbitMQ's <c>disk_free_limit</c>.</summary>
    public const long StandardDiskFreeLimit = 50_000_000;

    /// <summary>Octets that the file system of a folder has left; 0 if nobody can say.</summary>
    public static long FreeBytes(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (IOException)
        {
            // Whoever writes there says what is wrong with it.
            return 0;
        }
    }

    private static long OpenFiles()
    {
        try
        {
            return Directory.Exists("/proc/self/fd") ? Directory.EnumerateFileSystemEntries("/proc/self/fd").LongCount() : 0;
        }
        catch (IOException)
        {
            // One was closed while they were counted; it is a figure for people.
            return 0;
        }
    }

    private static long MaxOpenFiles()
    {
        const string Heading = "Max open files";
        try
        {
            var line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(Heading, StringComparison.Ordinal));
            var soft = line?[Heading.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : UsualFiles;
        }
        catch (IOException)
        {
            // Not a system that says so.
            return UsualFiles;
        }
    }
}
