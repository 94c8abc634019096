namespace Granary.Core.Links;

/// <summary>
/// What a session was told of the batches that it has had (<see cref="LinkDown.GivenThrough"/>), for the next activation. Publishers send a batch again as soon as
/// its activation is known to be lost, so what is older than a minute or two is forgotten.
/// </summary>
internal sealed class GivenProgress(TimeProvider clock)
{
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);

    private Dictionary<SessionId, long> _new = [];
    private Dictionary<SessionId, long> _old = [];
    private long _since;

    public void Note(BatchProgress[] given)
    {
        if (_new.Count == 0)
        {
            _since = clock.GetTimestamp();
        }
        else if (clock.GetElapsedTime(_since) > Memory)
        {
            (_old, _new, _since) = (_new, [], clock.GetTimestamp());
        }

        foreach (var (session, number) in given)
        {
            _new[session] = number;
        }
    }

    /// <summary>Null: there is nothing to tell.</summary>
    public BatchProgress[]? ToArray() => _new.Count == 0 ? null :
    [
        .. from known in _new select new BatchProgress(known.Key, known.Value),
        .. from known in _old where !_new.ContainsKey(known.Key) select new BatchProgress(known.Key, known.Value),
    ];
}
