namespace Granary.Silo.Queues.Links;

/// <summary>Which packets of a link are stored with all that they did: a gateway need not say that again if the activation is lost.</summary>
internal struct StoredTurns
{
    private Queue<(long Turn, long Up, long Down)>? _waiting;
    private (long Turn, long Up, long Down) _last;

    /// <summary>Upward packets through this one.</summary>
    public long Up { get; private set; }

    /// <summary>Downward packets through this one.</summary>
    public long Down { get; private set; }

    /// <summary>A turn ends in which the link has come so far.</summary>
    public void Note(long turn, long storedTurn, long up, long down)
    {
        if (turn <= storedTurn)
        {
            _waiting?.Clear();
            (Up, Down) = (up, down);
            return;
        }

        while (_waiting is not null && _waiting.TryPeek(out var first) && first.Turn <= storedTurn)
        {
            _waiting.Dequeue();
            (Up, Down) = (first.Up, first.Down);
        }

        if (_last.Up != up || _last.Down != down)
        {
            _last = (turn, up, down);
            (_waiting ??= new()).Enqueue(_last);
        }
    }
}
