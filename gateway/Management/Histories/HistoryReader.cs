using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Histories;

/// <summary>Reads what figures were, of what one request is about.</summary>
internal sealed class HistoryReader(ClusterHistories cluster, TimeProvider clock)
{
    /// <summary>Of so many things at the most: as many as a page has.</summary>
    private const int Most = 500;

    public HistoryRanges RangesOf(ApiCall call) => HistoryRanges.From(call.Query, clock.GetUtcNow());

    /// <summary>What the figures of all such things were together; null: nobody asked, or nobody knows.</summary>
    public async Task<History?> ReadSumAsync(ApiCall call, HistorySubject subject, HistoryRange? range)
    {
        if (range is not { } wanted)
        {
            return null;
        }

        var told = await cluster.TakeAsync(new HistoryQuery(subject, wanted, null), call.Aborted).ConfigureAwait(false);
        return told.Count == 0 ? null : new History(wanted, HistoryFigure.Sum(wanted, [.. told.Values]));
    }

    /// <summary>Puts what figures were beside what each of a list's items says that they are.</summary>
    public async Task<List<T>> AddAsync<T>(
        ApiCall call, HistorySubject subject, List<T> items, Func<T, string> keyOf, params (HistoryRange? Range, Func<T, History, T> Add)[] kinds)
    {
        Dictionary<HistoryRange, IReadOnlyDictionary<string, History>> read = [];
        foreach (var (range, add) in kinds)
        {
            if (range is not { } wanted)
            {
                continue;
            }

            if (!read.TryGetValue(wanted, out var histories))
            {
                read.Add(wanted, histories = await ReadAsync(call, subject, items.Select(keyOf), wanted).ConfigureAwait(false));
            }

            items = histories.Count == 0 ? items : items.ConvertAll(item => histories.TryGetValue(keyOf(item), out var history) ? add(item, history) : item);
        }

        return items;
    }

    // By key; empty if it is of more things than are told together.
    private async Task<IReadOnlyDictionary<string, History>> ReadAsync(ApiCall call, HistorySubject subject, IEnumerable<string> of, HistoryRange range)
    {
        string[] keys = [.. of];
        if (keys.Length is 0 or > Most)
        {
            return new Dictionary<string, History>();
        }

        var told = await cluster.TakeAsync(new HistoryQuery(subject, range, keys), call.Aborted).ConfigureAwait(false);
        return told.ToDictionary(static one => one.Key, one => new History(range, one.Value), StringComparer.Ordinal);
    }
}
