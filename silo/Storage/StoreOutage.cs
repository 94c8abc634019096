namespace Granary.Silo.Storage;

/// <summary>
/// A time in which the store takes nothing: why, how often it was tried, when to try again, and when to say so again. A store that is out of reach comes back by
/// itself and is asked often. One that refuses waits for somebody to do something: it is asked less and less often.
/// </summary>
internal sealed class StoreOutage(TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);

    /// <summary>Half of the time that a node that stops gives its store, so that it is asked once more then.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan SaidAgainAfter = TimeSpan.FromMinutes(1);

    private readonly long _began = time.GetTimestamp();
    private long _saidAt;
    private TimeSpan _nextPause = FirstPause;

    /// <summary>How often it was tried in vain.</summary>
    public int Tries { get; private set; }

    /// <summary>How long it has been so.</summary>
    public TimeSpan Lasts => time.GetElapsedTime(_began);

    /// <summary>As it was at the last try, for the operator.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>It does not pass by itself.</summary>
    public bool IsRefusal { get; private set; }

    /// <summary>Notes a try in vain.</summary>
    /// <returns>How long to wait for the next one, and whether the operator is to hear of this one.</returns>
    public (TimeSpan Pause, bool IsNews) Fail(Exception exception)
    {
        var isRefusal = exception is not StoreUnavailableException;
        var isNews = Tries == 0 || isRefusal != IsRefusal || time.GetElapsedTime(_saidAt) >= SaidAgainAfter;
        (Reason, IsRefusal) = (exception.Message, isRefusal);
        Tries++;
        _saidAt = isNews ? time.GetTimestamp() : _saidAt;
        var pause = isRefusal ? _nextPause : FirstPause;
        _nextPause = isRefusal && pause < LongestPause / 2 ? pause * 2 : isRefusal ? LongestPause : FirstPause;
        return (pause, isNews);
    }
}
