namespace Granary.Core.Figures;

/// <summary>What this process tells of itself: the sum of what its parts do.</summary>
public sealed class OwnFigures(ProcessFigures process, IEnumerable<IFigureSource> sources)
{
    private readonly IFigureSource[] _sources = [.. sources];

    public async Task<MemberFigures> TellAsync(FigureKinds kinds, CancellationToken cancellation)
    {
        var figures = (kinds & FigureKinds.Node) == 0 ? MemberFigures.None : MemberFigures.None with { Node = process.Look() };
        foreach (var source in _sources)
        {
            figures = await source.AddAsync(figures, kinds, cancellation).ConfigureAwait(false);
        }

        return figures;
    }
}
