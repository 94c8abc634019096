using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Messages;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>A gateway that is reached by calls, which a test may hold up or lose.</summary>
internal sealed class FakeMember(IReplyDesk desk) : IMemberService
{
    /// <summary>Awaited before a call arrives.</summary>
    public Func<Task> OnTheWay { get; set; } = () => Task.CompletedTask;

    /// <summary>Whether the answer to the next call is lost.</summary>
    public bool LosesAnswer { get; set; }

    public List<int> Calls { get; } = [];

    public async Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies)
    {
        Calls.Add(replies.Count);
        await OnTheWay();
        var receipt = desk.Take(from, number, replies);
        if (LosesAnswer)
        {
            LosesAnswer = false;
            throw new TimeoutException("the answer is lost");
        }

        return receipt;
    }

    public Task<bool> IsWaitingAsync(string address) => Task.FromResult(desk.IsWaiting(address));

    public Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised) => throw new NotSupportedException("no alarms here");

    public Task<LeaseAnswer> RenewAsync(string from) => throw new NotSupportedException("no leases here");

    public Task<TimeSpan> CloseLeaseAsync(string member) => throw new NotSupportedException("no leases here");

    public Task<int> CountConnectionsAsync(string? vhost, string? user) => throw new NotSupportedException("no connections here");

    public Task<int> CountChannelsAsync(string user) => throw new NotSupportedException("no channels here");

    public Task<int> CountQueuesAsync() => throw new NotSupportedException("no queues here");

    public Task<int> MoveQueuesAsync(SiloAddress to, int count) => throw new NotSupportedException("no queues here");

    public Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions) => throw new NotSupportedException("no sessions here");

    public Task<bool> ReachesDatabaseAsync() => throw new NotSupportedException("no database here");

    public Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue) => throw new NotSupportedException("no figures here");

    public Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query) => throw new NotSupportedException("no figures here");

    public Task<bool> CloseConnectionAsync(Guid connection, string reason) => throw new NotSupportedException("no connections here");
}
