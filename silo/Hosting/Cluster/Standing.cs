using System.Collections.Concurrent;
using Granary.Core.Members;
using Granary.Core.Routing;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// Until when this process knows that it is a member. A silo that is cut off together with a gateway would tell it for ever that all is well, and one that has clients itself would tell them so.
/// What it says counts only while every other silo has answered it lately, each of which would have said that it is dead, or the list of members had it lately. Others wait for that time when
/// they declare a silo dead (<see cref="LeaseBook"/>).
/// </summary>
/// <param name="list">Null in a process without queues: it tells nobody anything.</param>
internal sealed partial class Standing(IMembers members, TimeProvider clock, ILogger<Standing> log, IMemberList? list = null)
{
    /// <summary>For how long it knows it from one time to the next. With what a gateway goes on for then it is no longer than exchanges wait for gateways of a lost silo.</summary>
    public static readonly TimeSpan Limit = SnapshotLease.Length - SnapshotLease.HolderLimit;

    private readonly Lock _gate = new();

    // Those that have no queues do not count. A name is of one life of a process.
    private readonly ConcurrentDictionary<string, byte> _without = new(StringComparer.Ordinal);

    // Of those that have queues: when each was asked what it answered last.
    private readonly Dictionary<string, long> _asked = new(StringComparer.Ordinal);
    private long _until = long.MinValue;
    private int _isReading;
    private bool _wasSure;
    private bool _isUnsureSaid;

    /// <summary>The others that may have queues.</summary>
    public string[] Silos => [.. members.Others.Where(member => !IsWithoutQueues(member))];

    /// <summary>By the clock's timestamp.</summary>
    public long Until
    {
        get
        {
            var silos = Silos;
            lock (_gate)
            {
                // Who has queues alone is asked by nobody else, and has nobody who could know better.
                return silos.Length == 0 ? clock.GetTimestamp() + Ticks(Limit) : _until;
            }
        }
    }

    public bool IsSure => clock.GetTimestamp() < Until;

    public bool IsWithoutQueues(string member) => _without.ContainsKey(member);

    /// <summary>Another silo has answered, and did not say that this process is dead.</summary>
    /// <param name="askedAt">The clock's timestamp before it was asked.</param>
    public void NoteAnswer(string silo, long askedAt)
    {
        lock (_gate)
        {
            _asked[silo] = Math.Max(askedAt, _asked.GetValueOrDefault(silo, long.MinValue));
        }

        Count();
    }

    public void NoteWithoutQueues(string member)
    {
        _without.TryAdd(member, 0);
        Count();
    }

    /// <summary>To be called whenever the others are asked: reads the list of members if not all of them have answered last time.</summary>
    public async Task LookAsync()
    {
        // One that did not answer may have gone.
        Count();
        if (list is not null && clock.GetTimestamp() + (Ticks(Limit) / 4) >= Until && Interlocked.Exchange(ref _isReading, 1) == 0)
        {
            await ReadAsync(list).ConfigureAwait(false);
        }

        Tell();
    }

    private async Task ReadAsync(IMemberList from)
    {
        var askedAt = clock.GetTimestamp();
        try
        {
            if (await from.HasOwnAsync().ConfigureAwait(false))
            {
                Extend(askedAt);
            }
        }
        catch (Exception exception)
        {
            // What counts is how old the last answer is.
            LogNotRead(exception);
        }
        finally
        {
            Volatile.Write(ref _isReading, 0);
        }
    }

    private void Count()
    {
        var silos = Silos;
        lock (_gate)
        {
            if (silos.Length > 0 && silos.Min(silo => _asked.GetValueOrDefault(silo, long.MinValue)) is > long.MinValue and var first)
            {
                Extend(first);
            }
        }
    }

    private void Extend(long from)
    {
        lock (_gate)
        {
            _until = Math.Max(_until, from + Ticks(Limit));
        }
    }

    private void Tell()
    {
        var isSure = IsSure;
        lock (_gate)
        {
            if (isSure && _isUnsureSaid)
            {
                _isUnsureSaid = false;
                LogSure();
            }
            else if (!isSure && _wasSure && !_isUnsureSaid)
            {
                _isUnsureSaid = true;
                LogUnsure();
            }

            _wasSure |= isSure;
        }
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * clock.TimestampFrequency);

    [LoggerMessage(3517, LogLevel.Information, "Neither do all other silos answer, nor the list of members: gateways are not told any more that they may go on")]
    private partial void LogUnsure();

    [LoggerMessage(3518, LogLevel.Information, "All other silos answer again, or the list of members: gateways are told again that they may go on")]
    private partial void LogSure();

    [LoggerMessage(3519, LogLevel.Debug, "The list of members could not be read")]
    private partial void LogNotRead(Exception exception);
}
