using System.Diagnostics;

namespace Granary.Gateway.Sockets;

/// <summary>
/// Tells a message that travels alone, for which waking another thread would be most of the time it takes, from the next of many, which are better
/// gathered by the time that another thread takes them.
/// </summary>
internal struct Pause
{
    // Several times what waking a thread takes, and far below what separates messages that are not many.
    private static readonly long Least = Stopwatch.Frequency / 10_000;

    private long _last;

    /// <summary>Whether nothing happened here for a tenth of a millisecond before this.</summary>
    public bool EndsNow()
    {
        var now = Stopwatch.GetTimestamp();
        var pause = now - _last;
        _last = now;
        return pause > Least;
    }
}
