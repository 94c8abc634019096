namespace Granary.Gateway.Sockets;

/// <summary>
/// Decides whether a loop sleeps after a round so that more arrives for the next one. Many clients that each send little keep a loop and the store
/// busy with single messages: handled a millisecond's worth at a time they cost a third of it. That is tried only while the store is busy with small
/// flushes, which what arrives has to wait for anyhow, and given up where it slows the clients: those that wait for each answer send less.
/// </summary>
/// <param name="frequency">Timestamps per second.</param>
internal sealed class Gathering(long frequency)
{
    // Chosen for 200 queues with 50 messages a second each (docs/performance.md), which give some 15 rounds and 5 flushes in a millisecond. One client that
    // waits for each confirm gives 4 of both: it is tried with, and found to be slowed.
    private const double LeastRounds = 4;
    private const double LeastFlushes = 1.5;
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
    private bool _isOn;
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

    /// <summary>How long to sleep: what was asked, and somewhat more by the system's timers.</summary>
    public static TimeSpan Time { get; } = TimeSpan.FromMilliseconds(1);

    /// <summary>To be asked after every round.</summary>
    /// <param name="received">Octets so far.</param>
    /// <param name="flushes">Of the store, so far.</param>
    public bool IsWorthwhile(long now, long received, long flushes)
    {
        _rounds++;
        var (time, octets) = (now - _start, received - _receivedBefore);
        if (_isOn && _windows == 0 && time >= _firstLook && octets < time * _pace * LeastPaceAtFirst)
        {
            Stop(now, isHarmful: true);
        }
        else if (time < _window)
        {
            return _isOn;
        }
        else if (!_isOn)
        {
            _isOn = now >= _restsUntil && octets <= _rounds * MostPerRound && _rounds * _millisecond >= time * LeastRounds
                && (flushes - _flushesBefore) * _millisecond >= time * LeastFlushes;
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
        return _isOn;
    }

    private void Stop(long now, bool isHarmful)
    {
        _isOn = false;
        if (isHarmful)
        {
            _restsUntil = now + _rest;
            _rest = Math.Min(_rest * 2, _longestRest);
        }
    }
}
