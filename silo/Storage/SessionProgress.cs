using Granary.Core.Links;

namespace Granary.Silo.Storage;

/// <summary>How far sessions have come that the store does not know of yet. Under the gate.</summary>
internal sealed class SessionProgress
{
    private readonly Dictionary<SessionId, long> _numbers = [];
    private long _first = long.MaxValue, _flushing = long.MaxValue;

    /// <summary>A session is over, or a key is to be remembered, which has to be written even if nothing else has.</summary>
    public bool IsNeeded { get; private set; }

    /// <summary>
    /// The first message whose key may not be stored yet, <see cref="long.MaxValue"/> if there is none. Whoever published it waits for that though the message itself may be gone: one like it
    /// must not be taken after a crash.
    /// </summary>
    public long First => Math.Min(_first, _flushing);

    /// <summary>What <see cref="First"/> is when the flush that runs is through.</summary>
    public long FirstAfterFlush => _first;

    /// <summary>Takes what a turn has noted. Without messages there is nothing that the number would be stored with.</summary>
    /// <param name="from">Messages of the turn have this offset, or higher ones.</param>
    /// <returns>Whether there are keys of messages, for which publishers wait.</returns>
    public bool Add(TurnNotes turn, long from)
    {
        var hasKeys = false;
        foreach (var progress in turn.Progress)
        {
            if (turn.Runs.Count > 0 || progress.IsLasting)
            {
                _numbers[progress.Session] = progress.Number;
                IsNeeded |= progress.IsLasting;
                hasKeys |= progress is { IsLasting: true, IsOver: false };
            }
        }

        if (hasKeys)
        {
            _first = Math.Min(_first, from);
        }

        return hasKeys;
    }

    /// <summary>A session is over.</summary>
    public void Add(PublishProgress end)
    {
        _numbers[end.Session] = end.Number;
        IsNeeded = true;
    }

    /// <summary>Moves all of it to what a flush writes.</summary>
    public void Take(List<PublishProgress> taken)
    {
        foreach (var (session, number) in _numbers)
        {
            taken.Add(new PublishProgress(session, number));
        }

        _flushing = _first;
        Clear();
    }

    /// <summary>That flush is through.</summary>
    public void Complete() => _flushing = long.MaxValue;

    public void Clear()
    {
        _numbers.Clear();
        _first = long.MaxValue;
        IsNeeded = false;
    }
}
