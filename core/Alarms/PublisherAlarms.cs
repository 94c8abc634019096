namespace Granary.Core.Alarms;

/// <summary>Why publishers are held.</summary>
public enum PublisherAlarm
{
    Memory,
    Disk,

    /// <summary>The store takes nothing at present.</summary>
    Store,

    /// <summary>The scratch log, which has what queues page out that are not durable, takes nothing at present.</summary>
    Scratch,
}

/// <summary>
/// RabbitMQ's resource alarms: while any is raised, here or at another member of the cluster, connections that publish are not read; consumers go on.
/// Safe for use by any thread.
/// </summary>
public sealed class PublisherAlarms
{
    private readonly Lock _gate = new();
    private readonly bool[] _raised = new bool[Enum.GetValues<PublisherAlarm>().Length];
    private readonly bool[] _byHand = new bool[Enum.GetValues<PublisherAlarm>().Length];
    private readonly Dictionary<string, PublisherAlarm[]> _others = new(StringComparer.Ordinal);
    private TaskCompletionSource? _clear;
    private OwnAlarms _own = new(0, []);

    /// <summary>Called, on any thread and with no lock taken, after <see cref="Own"/> has changed.</summary>
    public event Action? OwnChanged;

    public bool IsRaised => Volatile.Read(ref _clear) is not null;

    /// <summary>Those of this process.</summary>
    public OwnAlarms Own => Volatile.Read(ref _own);

    /// <summary>As connection.blocked says it, see <see cref="ReasonOf"/>. Empty when nothing is raised.</summary>
    public string Reason
    {
        get
        {
            lock (_gate)
            {
                return ReasonOf([.. _own.Raised, .. _others.Values.SelectMany(raised => raised)]);
            }
        }
    }

    /// <summary>
    /// RabbitMQ's <c>low on memory</c>, <c>low on disk</c> or <c>low on memory &amp; disk</c> (rabbit_reader), or that the store or the scratch log is out of
    /// reach, which RabbitMQ does not know.
    /// </summary>
    public static string ReasonOf(PublisherAlarm[] raised)
    {
        ArgumentNullException.ThrowIfNull(raised);
        var low = (raised.Contains(PublisherAlarm.Memory), raised.Contains(PublisherAlarm.Disk)) switch
        {
            (true, true) => "low on memory & disk",
            (true, false) => "low on memory",
            (false, true) => "low on disk",
            _ => null,
        };
        var store = raised.Contains(PublisherAlarm.Store) ? "the store is out of reach" : null;
        var scratch = raised.Contains(PublisherAlarm.Scratch) ? "the scratch log is out of reach" : null;
        return string.Join(" & ", new[] { low, store, scratch }.OfType<string>());
    }

    /// <returns>Whether it was not raised before.</returns>
    public bool Raise(PublisherAlarm alarm) => Set(alarm, isRaised: true);

    /// <returns>Whether it was raised before.</returns>
    public bool Clear(PublisherAlarm alarm) => Set(alarm, isRaised: false);

    public bool Set(PublisherAlarm alarm, bool isRaised) => Set(_raised, alarm, isRaised);

    /// <summary>An operator raises or clears it, whatever the broker has measured: an alarm that is raised for both reasons ends when both do.</summary>
    /// <returns>Whether it was not so before.</returns>
    public bool SetByHand(PublisherAlarm alarm, bool isRaised) => Set(_byHand, alarm, isRaised);

    /// <summary>Notes what is raised at another member of the cluster; nothing when that is gone.</summary>
    /// <returns>Whether anything else was before.</returns>
    public bool SetOf(string member, PublisherAlarm[] raised)
    {
        ArgumentNullException.ThrowIfNull(raised);
        lock (_gate)
        {
            if (_others.GetValueOrDefault(member, []).AsSpan().SequenceEqual(raised))
            {
                return false;
            }

            if (raised.Length > 0)
            {
                _others[member] = raised;
            }
            else
            {
                _others.Remove(member);
            }

            Look();
            return true;
        }
    }

    /// <summary>Completes when nothing is raised: at once, or when the last alarm clears.</summary>
    public Task WaitUntilClearAsync(CancellationToken cancellationToken) =>
        Volatile.Read(ref _clear) is { } clear ? clear.Task.WaitAsync(cancellationToken) : Task.CompletedTask;

    private bool Set(bool[] reason, PublisherAlarm alarm, bool isRaised)
    {
        lock (_gate)
        {
            if (reason[(int)alarm] == isRaised)
            {
                return false;
            }

            reason[(int)alarm] = isRaised;
            PublisherAlarm[] raised = [.. Enum.GetValues<PublisherAlarm>().Where(each => _raised[(int)each] || _byHand[(int)each])];
            if (raised.AsSpan().SequenceEqual(_own.Raised))
            {
                return true;
            }

            Volatile.Write(ref _own, new OwnAlarms(_own.Version + 1, raised));
            Look();
        }

        OwnChanged?.Invoke();
        return true;
    }

    private void Look()
    {
        if (_own.Raised.Length > 0 || _others.Count > 0)
        {
            Volatile.Write(ref _clear, _clear ?? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        else if (_clear is { } clear)
        {
            Volatile.Write(ref _clear, null);
            clear.SetResult();
        }
    }
}

/// <summary>The alarms of one process.</summary>
/// <param name="Version">Higher with each change; 0 before the first.</param>
public sealed record OwnAlarms(long Version, PublisherAlarm[] Raised);
