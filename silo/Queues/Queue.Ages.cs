namespace Granary.Silo.Queues;

/// <summary>How old the messages are that wait, and those that somebody holds.</summary>
internal sealed partial class Queue
{
    private void NoteOldestReady(long now)
    {
        if (_arrivals is null)
        {
            return;
        }

        if (_ready.IsEmpty)
        {
            Figures.OldestReady = 0;
            if (Figures.Unacked == 0)
            {
                Figures.OldestUnacked = 0;
                if (_retries is not { Count: > 0 })
                {
                    _arrivals.Clear();
                }
            }

            return;
        }

        if (_arrivals.IsEmpty)
        {
            // They are an earlier activation's: the store does not say when they came.
            _arrivals.Note(0, now);
        }

        Figures.OldestReady = _arrivals.TimeOf(_ready.FirstOffset);
    }

    // Many sessions may hold some, so this is no matter of each turn: once a second is enough.
    private void NoteOldestUnacked()
    {
        if (!_hasSettled && _untidy.Count == 0)
        {
            return;
        }

        _hasSettled = false;
        var first = long.MaxValue;
        foreach (var session in _sessions.All)
        {
            first = Math.Min(first, session.Link.Unacked.FirstOffset);
        }

        Figures.OldestUnacked = first == long.MaxValue || _arrivals is not { IsEmpty: false } ? 0 : _arrivals.TimeOf(first);
    }
}
