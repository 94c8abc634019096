using System.Diagnostics;
using System.Globalization;

namespace Granary.Testing.Processes;

/// <summary>
/// How much more the machine has to do than its processors can, from the making of this until it is asked: about so many times as long everything takes. For a test of
/// how long something may take: its limit holds as it is where nobody else works, and is longer where others do.
/// </summary>
public sealed class MachineLoad : IDisposable
{
    // Beyond that a limit would say nothing any more.
    private const double Most = 5;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _ended = new();
    private readonly Thread _looking;
    private double _tasks;
    private double _seconds;

    /// <summary>Begins to look.</summary>
    public MachineLoad()
    {
        // No work of the pool: that comes late where there is much of it.
        _looking = new Thread(Look) { IsBackground = true, Name = nameof(MachineLoad) };
        _looking.Start();
    }

    /// <summary>How many processors the machine has, also those that this process may not use: what waits for them is counted, too.</summary>
    public static int Processors { get; } = Math.Max(Environment.ProcessorCount, ProcessorsOfMachine());

    /// <summary>How many tasks there were for each processor, on the average: from 1, where there was one for each or fewer, to 5, where there were as many or more.</summary>
    public double Share
    {
        get
        {
            lock (_gate)
            {
                return _seconds > 0 ? Math.Clamp(_tasks / _seconds / Processors, 1, Most) : 1;
            }
        }
    }

    /// <summary>How long something may take that may take <paramref name="limit"/> where nobody else works.</summary>
    public TimeSpan Allow(TimeSpan limit) => limit * Share;

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended.Set();
        _looking.Join();
        _ended.Dispose();
    }

    private static int ProcessorsOfMachine() =>
        File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").Count(static line => line.StartsWith("processor", StringComparison.Ordinal)) : 0;

    // Who looks late counts what he finds for all of the time since he last looked.
    private void Look()
    {
        for (var last = Stopwatch.GetTimestamp(); !_ended.Wait(Pause);)
        {
            if (Running() is not { } running)
            {
                return;
            }

            var now = Stopwatch.GetTimestamp();
            var passed = Stopwatch.GetElapsedTime(last, now).TotalSeconds;
            last = now;
            lock (_gate)
            {
                _tasks += running * passed;
                _seconds += passed;
            }
        }
    }

    // How many run or could, without who asks; null where the system does not tell. "0.20 0.18 0.12 3/812 4711".
    private static int? Running() =>
        File.Exists("/proc/loadavg") && int.TryParse(File.ReadAllText("/proc/loadavg").Split(' ')[3].Split('/')[0], CultureInfo.InvariantCulture, out var running)
            ? Math.Max(0, running - 1)
            : null;
}
