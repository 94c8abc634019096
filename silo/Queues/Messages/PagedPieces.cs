namespace Granary.Silo.Queues.Messages;

/// <summary>Gathers what a store knows of a backlog, batch by batch, into <see cref="PagedPiece"/>s.</summary>
internal sealed class PagedPieces
{
    private readonly List<PagedPiece> _pieces = [];
    private bool _isBroken = true;

    /// <summary>What is added next does not follow what was added last.</summary>
    public void Break() => _isBroken = true;

    /// <summary>Messages that follow those added last.</summary>
    public void Add(in PagedPiece piece)
    {
        if (!_isBroken && _pieces[^1].TryJoin(piece, out var joined))
        {
            _pieces[^1] = joined;
        }
        else
        {
            _pieces.Add(piece);
        }

        _isBroken = false;
    }

    /// <summary>All pieces in their order.</summary>
    public IReadOnlyList<PagedPiece> InOrder()
    {
        _pieces.Sort(static (left, right) => left.End.CompareTo(right.End));
        return _pieces;
    }
}
