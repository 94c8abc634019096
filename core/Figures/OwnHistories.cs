namespace Granary.Core.Figures;

/// <summary>What this process knows of the past of what it has.</summary>
public sealed class OwnHistories(NodeHistory node, IEnumerable<IHistorySource> sources, TimeProvider clock)
{
    private readonly IHistorySource[] _sources = [node, .. sources];

    public HistoryFigure[] Tell(HistoryQuery query)
    {
        List<HistoryFigure> told = [];
        foreach (var source in _sources)
        {
            source.Tell(query, clock.GetUtcNow().ToUnixTimeMilliseconds(), told);
        }

        return [.. told];
    }
}
