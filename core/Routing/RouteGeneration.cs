using System.Runtime.CompilerServices;

namespace Granary.Core.Routing;

/// <summary>
/// One state of one exchange as a router holds it, between two changes. Paths found in it point here, so that a change ends all of them with
/// one write, and a memoized path is checked by one read.
/// </summary>
internal sealed class RouteGeneration
{
    private const int Idle = 0;
    private const int Used = 1;
    private const int Ended = 2;

    private volatile int _state = Used;

    /// <summary>Nothing has changed since. Asking counts as use.</summary>
    public bool IsCurrent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _state == Used || MarkUsed();
    }

    public void End() => _state = Ended;

    /// <summary>Tells whether a path of this state was used since the last call.</summary>
    public bool TakeUse() => Interlocked.CompareExchange(ref _state, Idle, Used) == Used;

    private bool MarkUsed() => Interlocked.CompareExchange(ref _state, Used, Idle) != Ended;
}
