namespace Granary.Testing.Logs;

/// <summary>
/// The log of a broker that many tests share. A line belongs to the tests that ran when it was written, of which one has to have announced it; otherwise all of
/// them fail, as nobody can tell whose it is.
/// </summary>
public sealed class SharedLog(WatchedLog log)
{
    private readonly Lock _gate = new();
    private readonly List<LogWindow> _windows = [];
    private readonly HashSet<LogLine> _told = new(ReferenceEqualityComparer.Instance);

    /// <summary>A test begins.</summary>
    public LogWindow Begin(string test, IReadOnlySet<int> expected, IReadOnlySet<int> allowed)
    {
        // Lines carry whole milliseconds.
        var now = DateTimeOffset.Now;
        var window = new LogWindow(test, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond)), expected, allowed);
        lock (_gate)
        {
            _windows.Add(window);
        }

        return window;
    }

    /// <summary>A test ends, and all that was logged meanwhile has arrived. Throws when something was logged that no test had announced, or not what this one had.</summary>
    public void End(LogWindow window)
    {
        ArgumentNullException.ThrowIfNull(window);
        lock (_gate)
        {
            window.End = DateTimeOffset.Now;
            var lines = log.Lines.Where(window.Includes).ToArray();
            var unannounced = log.Unannounced.Where(line => window.Includes(line) && !IsAnnounced(line)).ToArray();
            var missing = window.Expected.Where(expected => lines.All(line => line.Event != expected)).ToArray();
            Throw(unannounced, missing, $" while {window.Test} ran");
        }
    }

    /// <summary>Throws when there is a line that no test was failed for: one from between tests, or one that came after its test had been judged.</summary>
    public void CheckRest()
    {
        lock (_gate)
        {
            var rest = log.Unannounced.Where(line => !_told.Contains(line) && !IsAnnounced(line) && !_windows.Any(window => window.End is null && window.Includes(line))).ToArray();
            var tests = rest.SelectMany(line => _windows.Where(window => window.Includes(line))).Select(window => window.Test).Distinct().ToArray();
            Throw(rest, [], tests.Length > 0 ? $" while {string.Join(" and ", tests)} ran" : " between tests");
        }
    }

    private bool IsAnnounced(LogLine line) => _windows.Any(window => window.Includes(line) && window.Announces(line.Event));

    private void Throw(LogLine[] unannounced, int[] missing, string where)
    {
        _told.UnionWith(unannounced);
        if (unannounced.Length > 0 || missing.Length > 0)
        {
            throw new UnannouncedLogException(unannounced, missing, where);
        }
    }
}

/// <summary>The time in which one test ran.</summary>
/// <param name="test">Its name.</param>
/// <param name="begin">When it began.</param>
/// <param name="expected">Events that have to come.</param>
/// <param name="allowed">Events that may come.</param>
public sealed class LogWindow(string test, DateTimeOffset begin, IReadOnlySet<int> expected, IReadOnlySet<int> allowed)
{
    internal string Test => test;

    internal IReadOnlySet<int> Expected => expected;

    /// <summary>Null while the test runs.</summary>
    internal DateTimeOffset? End { get; set; }

    internal bool Includes(LogLine line) => line.Time >= begin && (End is not { } end || line.Time <= end);

    internal bool Announces(int id) => expected.Contains(id) || allowed.Contains(id);
}
