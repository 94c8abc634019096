namespace Granary.Core.Figures;

/// <summary>A part of this process that has something to tell.</summary>
public interface IFigureSource
{
    /// <summary>Adds what it has of what is asked for.</summary>
    /// <param name="queue">Of queues, the one of this key alone; null: all.</param>
    ValueTask<MemberFigures> AddAsync(MemberFigures figures, FigureKinds kinds, string? queue, CancellationToken cancellation);
}

/// <summary>Closes client connections of this process on request.</summary>
public interface IConnectionCloser
{
    /// <returns>False: there is no such connection here.</returns>
    bool Close(Guid connection, string reason);
}
