namespace Granary.Gateway.Alarms;

/// <summary>
/// How often all of memory is collected while too much is in use. The collection stops the whole process for the longer the more is in use, so it is
/// given a small share of the time, and none of it at once after the last.
/// </summary>
internal sealed class CollectionPace(TimeProvider clock)
{
    private const int Share = 20;

    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(2);

    private long _endedAt;
    private TimeSpan _rest = TimeSpan.MinValue;

    public bool IsDue => _rest < TimeSpan.Zero || clock.GetElapsedTime(_endedAt) >= _rest;

    public void Collected(TimeSpan took)
    {
        _endedAt = clock.GetTimestamp();
        var rest = took * (Share - 1);
        _rest = rest > Shortest ? rest : Shortest;
    }
}
