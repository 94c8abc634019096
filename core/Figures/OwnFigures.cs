namespace Granary.Core.Figures;

/// <summary>What this process tells of itself: the sum of what its parts do.</summary>
public sealed class OwnFigures(ProcessFigures process, NodeHistory history, IEnumerable<IFigureSource> sources)
{
    private readonly IFigureSource[] _sources = [.. sources];

    /// <param name="queue">Of queues, the one of this key alone; null: all.</param>
    public async Task<MemberFigures> TellAsync(FigureKinds kinds, string? queue, CancellationToken cancellation)
    {
        var figures = (kinds & FigureKinds.Node) == 0 ? MemberFigures.None : MemberFigures.None with { Node = history.AddTo(process.Look()) };
        foreach (var source in _sources)
        {
            figures = await source.AddAsync(figures, kinds, queue, cancellation).ConfigureAwait(false);
        }

        return figures;
    }
}
