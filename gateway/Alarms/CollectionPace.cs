namespace Granary.Gateway.Alarms;

/// <summary>
/// How often all of memory is collected while too much is in use. The collection stops the whole process for the longer the more is in use, so it is
/// given a small share of the time. One that did not free enough is not soon followed by another: with publishers held there is no more garbage.
/// </summary>
internal sealed class CollectionPace(TimeProvider clock)
{
    private const int Share = 20;

    private static readonly TimeSpan ShortestInVain = TimeSpan.FromSeconds(2);

    private long _endedAt;
    private TimeSpan _rest = TimeSpan.MinValue;

    public bool IsDue => _rest < TimeSpan.Zero || clock.GetElapsedTime(_endedAt) >= _rest;

    /// <param name="took">How long the process stood still.</param>
    /// <param name="isEnough">What is in use now is below the limit.</param>
    public void Collected(TimeSpan took, bool isEnough)
    {
        _endedAt = clock.GetTimestamp();
        var rest = took * (Share - 1);
        _rest = isEnough || rest > ShortestInVain ? rest : ShortestInVain;
    }
}
