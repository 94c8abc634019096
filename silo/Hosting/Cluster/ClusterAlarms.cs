using System.Collections.Concurrent;
using Granary.Core.Alarms;
using Granary.Core.Members;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// Has the alarms of each member hold publishers everywhere. Every member is told of a change at once, and again until it has answered; one that comes is told what
/// is raised. Where nothing changes nothing is said.
/// </summary>
internal sealed partial class ClusterAlarms(IMembers members, PublisherAlarms alarms, TimeProvider clock, ILogger<ClusterAlarms> log) : IHostedService
{
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMilliseconds(250);

    // A call that is lost is not waited for as long as calls are.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Other> _others = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        members.WhenCome(Tell);
        members.WhenGone(Forget);
        alarms.OwnChanged += TellAll;
        TellAll();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        alarms.OwnChanged -= TellAll;
        return _stopping.CancelAsync();
    }

    /// <inheritdoc cref="IMemberService.SetAlarmsAsync"/>
    public bool Take(string from, long version, PublisherAlarm[] raised)
    {
        var other = _others.GetOrAdd(from, static _ => new Other());
        lock (other.Gate)
        {
            if (members.Find(from) is null)
            {
                // It would hold publishers for ever.
                _others.TryRemove(from, out _);
                return false;
            }

            if (version > other.Heard)
            {
                other.Heard = version;
                Set(from, raised);
            }

            return true;
        }
    }

    private void TellAll()
    {
        foreach (var member in members.Others)
        {
            Tell(member);
        }
    }

    private void Tell(string member)
    {
        var other = _others.GetOrAdd(member, static _ => new Other());
        lock (other.Gate)
        {
            if (other.IsBeingTold || other.Told == alarms.Own.Version)
            {
                return;
            }

            other.IsBeingTold = true;
        }

        _ = Task.Run(() => TellAsync(member, other));
    }

    private async Task TellAsync(string member, Other other)
    {
        while (true)
        {
            OwnAlarms own;
            var service = members.Find(member);
            lock (other.Gate)
            {
                own = alarms.Own;
                if (other.Told == own.Version || service is null || _stopping.IsCancellationRequested)
                {
                    other.IsBeingTold = false;
                    return;
                }
            }

            if (await TryTellAsync(member, service, own).ConfigureAwait(false))
            {
                lock (other.Gate)
                {
                    other.Told = own.Version;
                }
            }
            else
            {
                await Task.Delay(AgainAfter, clock, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<bool> TryTellAsync(string member, IMemberService service, OwnAlarms own)
    {
        try
        {
            return await service.SetAlarmsAsync(members.Own, own.Version, own.Raised).WaitAsync(AnswerLimit, clock, _stopping.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogNotTold(log, exception, member);
            return false;
        }
    }

    // What it had raised goes with it.
    private void Forget(string member)
    {
        if (_others.TryRemove(member, out var other))
        {
            lock (other.Gate)
            {
                Set(member, []);
            }
        }
    }

    private void Set(string member, PublisherAlarm[] raised)
    {
        if (!alarms.SetOf(member, raised))
        {
            return;
        }

        if (raised.Length > 0)
        {
            LogRaised(log, member, PublisherAlarms.ReasonOf(raised));
        }
        else
        {
            LogCleared(log, member);
        }
    }

    [LoggerMessage(3501, LogLevel.Information, "Publishers are held for member {Member}: {Reason}")]
    private static partial void LogRaised(ILogger logger, string member, string reason);

    [LoggerMessage(3502, LogLevel.Information, "Publishers are no longer held for member {Member}")]
    private static partial void LogCleared(ILogger logger, string member);

    [LoggerMessage(3503, LogLevel.Debug, "Member {Member} could not be told which alarms are raised here; it is told again")]
    private static partial void LogNotTold(ILogger logger, Exception exception, string member);

    /// <summary>Another member.</summary>
    private sealed class Other
    {
        public Lock Gate { get; } = new();

        /// <summary>The version of this process's alarms that it knows of.</summary>
        public long Told { get; set; }

        /// <summary>The version of its alarms that this process knows of.</summary>
        public long Heard { get; set; }

        public bool IsBeingTold { get; set; }
    }
}
