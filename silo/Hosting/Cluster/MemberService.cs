using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Messages;
using Granary.Silo.Placement;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>What other members ask of this process.</summary>
/// <param name="book">Null in a process without queues.</param>
/// <param name="watch">Null in a process without queues.</param>
/// <param name="desk">Where direct replies go; null in a process without clients.</param>
/// <param name="clients">Null in a process without clients.</param>
/// <param name="moves">Null in a process without queues.</param>
internal sealed class MemberService(
    GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory logs, ClusterAlarms alarms, OwnFigures figures, OwnHistories histories, IEnumerable<IConnectionCloser> closers, SiloLosses losses,
    LeaseBook? book = null,
    IReplyDesk? desk = null, QueueMoves? moves = null, DatabaseWatch? watch = null, IClientCounts? clients = null)
    : GrainService(id, silo, logs), IMemberService
{
    public Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies) => Task.FromResult(
        desk?.Take(from, number, replies) ?? new ReplyReceipt([.. Enumerable.Range(0, replies.Count)]));

    public Task<bool> IsWaitingAsync(string address) => Task.FromResult(desk?.IsWaiting(address) ?? false);

    public Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised) => Task.FromResult(alarms.Take(from, version, raised));

    public Task<LeaseAnswer> RenewAsync(string from) => Task.FromResult(book?.Renew(from) ?? LeaseAnswer.WithoutQueues);

    public Task<TimeSpan> CloseLeaseAsync(string member) => Task.FromResult(book?.Close(member) ?? TimeSpan.Zero);

    public Task<int> CountConnectionsAsync(string? vhost, string? user) => Task.FromResult(clients?.CountConnections(vhost, user) ?? 0);

    public Task<int> CountChannelsAsync(string user) => Task.FromResult(clients?.CountChannels(user) ?? 0);

    public Task<int> CountQueuesAsync() => Task.FromResult(moves?.Count ?? 0);

    public Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions) => Task.FromResult(losses.Sessions.FindGone(sessions));

    public Task<int> MoveQueuesAsync(SiloAddress to, int count) => moves?.MoveAsync(to, count, CancellationToken.None) ?? Task.FromResult(0);

    public Task<bool> ReachesDatabaseAsync() => watch?.ReachesDatabaseAsync() ?? Task.FromResult(false);

    public Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue) => figures.TellAsync(kinds, queue, CancellationToken.None);

    public Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query) => Task.FromResult(histories.Tell(query));

    public Task<bool> CloseConnectionAsync(Guid connection, string reason) => Task.FromResult(closers.Any(closer => closer.Close(connection, reason)));
}
