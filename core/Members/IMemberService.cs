using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Orleans.Services;
using Orleans.CodeGeneration;

namespace Granary.Core.Members;

/// <summary>
/// What members of a cluster ask of each other besides queues and exchanges. It is a process that is asked, not a grain that may be anywhere: a call to one that
/// is gone fails. Calls may come late, twice and in another order.
/// </summary>
[Alias("granary.IMemberService"), Version(ContractVersion.Current)]
public interface IMemberService : IGrainService
{
    /// <summary>Delivers direct replies to clients of this process. The answer to a repeated call is that of the first.</summary>
    /// <param name="from">The member that calls, as <see cref="IMembers.Own"/> names it.</param>
    /// <param name="number">1, 2, 3 … of this caller's calls to this process; it makes the next when this one was answered.</param>
    /// <param name="replies">Their routing keys say whom each is for.</param>
    [Alias("Post")]
    Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies);

    /// <summary>Whether a client of this process waits for replies at that address.</summary>
    [Alias("IsWaiting")]
    Task<bool> IsWaitingAsync(string address);

    /// <summary>Says which alarms are raised at the member that calls.</summary>
    /// <param name="version">Higher with each change there: one that is late changes nothing.</param>
    /// <returns>False: this process does not know of that member, or not yet.</returns>
    [Alias("SetAlarms")]
    Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised);

    /// <summary>Says that a gateway is there (<see cref="GatewayLease"/>).</summary>
    [Alias("Renew")]
    Task<LeaseAnswer> RenewAsync(string from);

    /// <summary>Says that a member is dead: it is not to be answered otherwise any more.</summary>
    /// <returns>For how long it may go on after what it was answered by this process.</returns>
    [Alias("CloseLease")]
    Task<TimeSpan> CloseLeaseAsync(string member);

    /// <summary>How many AMQP connections this process has, of one vhost or of one user.</summary>
    [Alias("CountConnections")]
    Task<int> CountConnectionsAsync(string? vhost, string? user);

    /// <summary>How many channels a user has open in this process.</summary>
    [Alias("CountChannels")]
    Task<int> CountChannelsAsync(string user);

    /// <summary>How many queues this process has.</summary>
    [Alias("CountQueues")]
    Task<int> CountQueuesAsync();

    /// <summary>Which of these sessions with queues, which were clients' of this process, have ended: they never come again, and hold nothing.</summary>
    [Alias("FindGoneSessions")]
    Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions);

    /// <summary>Has queues of this process move to another silo.</summary>
    /// <param name="count">So many at the most. It takes a while: a thousand at once would take longer than a call may.</param>
    /// <returns>How many are on their way. Fewer than asked for: there are no more that can be moved.</returns>
    [Alias("MoveQueues")]
    Task<int> MoveQueuesAsync(SiloAddress to, int count);

    /// <summary>Whether this process has queues, and reaches the cluster's database: it asks it now.</summary>
    [Alias("ReachesDatabase")]
    Task<bool> ReachesDatabaseAsync();

    /// <summary>What this process holds. Nothing is activated for it.</summary>
    /// <param name="queue">Of queues, the one of this key alone; null: all.</param>
    [Alias("TellFigures")]
    Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue);

    /// <summary>What the figures of things were that this process has.</summary>
    [Alias("TellHistories")]
    Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query);

    /// <summary>Closes a client's connection.</summary>
    /// <returns>False: it is not one of this process.</returns>
    [Alias("CloseConnection")]
    Task<bool> CloseConnectionAsync(Guid connection, string reason);
}

/// <summary>What a gateway is answered that says that it is there.</summary>
public enum LeaseAnswer
{
    /// <summary>Its silo does not know the gateway, or not yet.</summary>
    Unknown,

    Renewed,

    /// <summary>The process that was asked has no queues: its answer means nothing.</summary>
    WithoutQueues,

    /// <summary>The gateway was declared dead.</summary>
    Dead,

    /// <summary>
    /// The silo that was asked knows the gateway, but may itself have been declared dead without knowing it yet: its answer renews nothing. A version that does not
    /// know this answer takes none from it either.
    /// </summary>
    Unsure,
}

/// <param name="Missing">Which of the replies, counted from 0, nobody waited for any more; null: none.</param>
[GenerateSerializer, Immutable, Alias("granary.ReplyReceipt")]
public readonly record struct ReplyReceipt([property: Id(0)] int[]? Missing);
