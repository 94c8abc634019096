using Granary.Core.Members;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Figures;

/// <summary>Asks all members what the numbers of things were, and puts the answers together. What they know of is in their memory alone: with one that ends, it is gone.</summary>
/// <param name="members">Null in a process that is no member of a cluster.</param>
public sealed partial class ClusterHistories(OwnHistories own, TimeProvider clock, ILogger<ClusterHistories> log, IMembers? members = null)
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    /// <summary>By key; nothing of those that nobody knows. Of what several members have parts, the sum.</summary>
    public async Task<IReadOnlyDictionary<string, HistoryFigure>> TakeAsync(HistoryQuery query, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(query);
        var others = members is null ? [] : await Task.WhenAll(members.Others.Select(member => AskAsync(member, query, cancellation))).ConfigureAwait(false);
        return others.Append(own.Tell(query)).SelectMany(static told => told).GroupBy(static told => told.Key, StringComparer.Ordinal)
            .ToDictionary(static told => told.Key, told => HistoryFigure.Sum(query.Range, [.. told]), StringComparer.Ordinal);
    }

    private async Task<HistoryFigure[]> AskAsync(string member, HistoryQuery query, CancellationToken cancellation)
    {
        try
        {
            return members!.Find(member) is { } service ? await service.TellHistoriesAsync(query).WaitAsync(AnswerLimit, clock, cancellation).ConfigureAwait(false) : [];
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // It goes, or is of a version that keeps no histories: its part is missing.
            LogNoAnswer(log, exception, member);
            return [];
        }
    }

    [LoggerMessage(1690, LogLevel.Debug, "Member {Member} has not told how its figures were: histories go without it")]
    private static partial void LogNoAnswer(ILogger logger, Exception exception, string member);
}
