using Microsoft.Extensions.Logging;

namespace Granary.Testing.Logs;

/// <summary>
/// The log of one host or process under test. Each line of Warning or above has to be announced by the test, by its event id; a test that did not is failed by
/// <see cref="Check"/>, which its host calls at the end.
/// </summary>
public sealed class WatchedLog
{
    private readonly Lock _gate = new();
    private readonly long _since = FailedAssertion.Now;
    private readonly List<LogLine> _lines = [];
    private readonly HashSet<int> _expected = [];
    private readonly HashSet<int> _allowed = [];
    private volatile bool _isLeaving;

    /// <summary>All lines of Warning or above but those of the runtime that mean nothing.</summary>
    public IReadOnlyList<LogLine> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Lines that nobody announced.</summary>
    public IReadOnlyList<LogLine> Unannounced
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines.Where(line => !_expected.Contains(line.Event) && !_allowed.Contains(line.Event))];
            }
        }
    }

    /// <summary>For a plain object that is tested without a host.</summary>
    public ILogger<T> LoggerOf<T>() => new LoggerFactory([new LineProvider(Add)]).CreateLogger<T>();

    /// <summary>Announces events that the test is about: each has to come.</summary>
    public void Expect(params int[] events) => Announce(_expected, events);

    /// <summary>Announces events that may come or not, depending on when things happen.</summary>
    public void Allow(params int[] events) => Announce(_allowed, events);

    /// <summary>Lines that nobody announced, which now count as told.</summary>
    public IReadOnlyList<LogLine> TakeUnannounced()
    {
        lock (_gate)
        {
            LogLine[] taken = [.. _lines.Where(line => !_expected.Contains(line.Event) && !_allowed.Contains(line.Event))];
            _lines.RemoveAll(taken.Contains);
            return taken;
        }
    }

    /// <summary>The silo of the host is told to stop: calls that find no place from now on are no news.</summary>
    public void Leave() => _isLeaving = true;

    /// <summary>Takes note of a line.</summary>
    public void Add(LogLine line)
    {
        if (RuntimeLines.HaveToBeAnnounced(line, _isLeaving))
        {
            lock (_gate)
            {
                _lines.Add(line);
            }
        }
    }

    /// <summary>Throws when there was a line that was not announced, or when an expected one is missing.</summary>
    public void Check()
    {
        var unannounced = Unannounced;
        int[] missing;
        lock (_gate)
        {
            missing = [.. _expected.Where(expected => _lines.All(line => line.Event != expected))];
        }

        if (unannounced.Count > 0 || missing.Length > 0)
        {
            throw new UnannouncedLogException(unannounced, missing, before: FailedAssertion.Since(_since));
        }
    }

    private void Announce(HashSet<int> announced, int[] events)
    {
        lock (_gate)
        {
            announced.UnionWith(events);
        }
    }
}
