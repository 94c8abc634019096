using Granary.Core.Links;

namespace Granary.Silo.Storage;

/// <summary>How far sessions have come that the store does not know of yet. Under the gate.</summary>
internal sealed class SessionProgress
{
    private readonly Dictionary<SessionId, long> _numbers = [];

    /// <summary>A session is over, or a key is to be remembered, which has to be written even if nothing else has.</summary>
    public bool IsNeeded { get; private set; }

    /// <summary>Takes what a turn has noted. Without messages there is nothing that the number would be stored with.</summary>
    public void Add(TurnNotes turn)
    {
        foreach (var progress in turn.Progress)
        {
            if (turn.Runs.Count > 0 || progress.IsLasting)
            {
                _numbers[progress.Session] = progress.Number;
                IsNeeded |= progress.IsLasting;
            }
        }
    }

    /// <summary>Moves all of it to what a flush writes.</summary>
    public void Take(List<PublishProgress> taken)
    {
        foreach (var (session, number) in _numbers)
        {
            taken.Add(new PublishProgress(session, number));
        }

        Clear();
    }

    public void Clear()
    {
        _numbers.Clear();
        IsNeeded = false;
    }
}
