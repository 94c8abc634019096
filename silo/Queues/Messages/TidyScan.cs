namespace Granary.Silo.Queues.Messages;

/// <summary>A walk over many runs in steps of bounded length, from one tick to the next.</summary>
internal struct TidyScan
{
    private const int RunsPerStep = 4096;

    private int _left;
    private bool _sawYoung;

    /// <summary>The offset to go on at.</summary>
    public long Next { get; private set; }

    public readonly bool Continue => _left > 0;

    public void BeginStep() => _left = RunsPerStep;

    public void Advance(long end)
    {
        Next = end;
        _left--;
    }

    /// <summary>There is something that may have to be copied, but not yet.</summary>
    public void SawYoung() => _sawYoung = true;

    /// <summary>Says whether the walk is to be continued or repeated.</summary>
    public bool EndPass()
    {
        if (!Continue)
        {
            return true;
        }

        var again = _sawYoung;
        Next = 0;
        _sawYoung = false;
        return again;
    }
}
