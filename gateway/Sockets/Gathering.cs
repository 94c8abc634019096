namespace Granary.Gateway.Sockets;

/// <summary>
/// Decides whether a loop sleeps after a round so that more arrives for the next one. Many clients that each send little keep a loop and the store
/// busy with single messages: handled a millisecond's worth at a time they cost a third of it. That is tried while the store is busy with small
/// flushes, which what arrives has to wait for anyhow, and for a shorter time while rounds follow each other so closely that waking up for them is most
/// of the work. It is given up where it slows the clients: those that wait for each answer send less.
/// </summary>
/// <param name="frequency">Timestamps per second.</param>
internal sealed class Gathering(long frequency)
{
    // Chosen for 200 queues with 50 messages a second each (docs/performance.md), which give some 15 rounds and 5 flushes in a millisecond. One client that
    // waits for each confirm gives 4 of both: it is tried with, and found to be slowed.
    private const double LeastRounds = 4;
    private const double LeastFlushes = 1.5;

    // A client that sends one message per packet as fast as it can gives 60 and more; one that waits for each confirm of a transient message, 14.
    private const double FloodRounds = 25;
    private const double MostPerRound = 2048;
    private const double LeastGain = 2;
    private const double LeastPace = 0.75;
    private const double LeastPaceAtFirst = 0.5;
    private const int SettledAfter = 3;

    private readonly long _millisecond = frequency / 1000;
    private readonly long _window = frequency / 1000 * 16;
    private readonly long _firstLook = frequency / 1000 * 4;
    private readonly long _shortestRest = frequency / 20;
    private readonly long _longestRest = frequency * 2;
    private TimeSpan _time;
    private long _start;
    private long _receivedBefore;
    private long _flushesBefore;
    private int _rounds;

    // Of the time before it was tried, or since it is settled: octets in a timestamp, and in a round.
    private double _pace;
    private double _perRound;
    private int _windows;
    private long _rest = frequency / 20;
    private long _restsUntil;

    /// <summary>For what is stored.</summary>
    public static TimeSpan LongTime { get; } = TimeSpan.FromMilliseconds(1);

    /// <summary>For a flood.</summary>
    public static TimeSpan ShortTime { get; } = TimeSpan.FromMicroseconds(200);

    /// <summary>How long to sleep; the system's timers may add a little. To be asked after every round.</summary>
    /// <param name="received">Octets so far.</param>
    /// <param name="flushes">Of the store, so far.</param>
    public TimeSpan TimeToSleep(long now, long received, long flushes)
    {
        _rounds++;
        var (time, octets) = (now - _start, received - _receivedBefore);
        if (IsOn && _windows == 0 && time >= _firstLook && octets < time * _pace * LeastPaceAtFirst)
        {
            Stop(now, isHarmful: true);
        }
        else if (time < _window)
        {
            return _time;
        }
        else if (!IsOn)
        {
            var mayTry = now >= _restsUntil && octets <= _rounds * MostPerRound;
            _time = !mayTry ? TimeSpan.Zero
                : IsAtLeast(LeastRounds, _rounds, time) && IsAtLeast(LeastFlushes, flushes - _flushesBefore, time) ? LongTime
                : IsAtLeast(FloodRounds, _rounds, time) ? ShortTime
                : TimeSpan.Zero;
            (_pace, _perRound, _windows) = ((double)octets / time, (double)octets / _rounds, 0);
        }
        else if (octets < time * _pace * LeastPace)
        {
            Stop(now, isHarmful: _windows < SettledAfter);
        }
        else if (octets < _rounds * _perRound * LeastGain)
        {
            Stop(now, isHarmful: false);
        }
        else if (++_windows >= SettledAfter)
        {
            // What follows is the load's own change.
            (_pace, _rest) = ((double)octets / time, _shortestRest);
        }

        (_start, _receivedBefore, _flushesBefore, _rounds) = (now, received, flushes, 0);
        return _time;
    }

    private bool IsOn => _time > TimeSpan.Zero;

    private bool IsAtLeast(double perMillisecond, long count, long time) => count * _millisecond >= time * perMillisecond;

    private void Stop(long now, bool isHarmful)
    {
        _time = TimeSpan.Zero;
        if (isHarmful)
        {
            _restsUntil = now + _rest;
            _rest = Math.Min(_rest * 2, _longestRest);
        }
    }
}
