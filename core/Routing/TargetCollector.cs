namespace Granary.Core.Routing;

/// <summary>What one match found, each target once. Reused from match to match, by one thread at a time.</summary>
internal sealed class TargetCollector
{
    private RouteTarget[] _found = new RouteTarget[4];
    private int _count;
    private long _stamp;

    public ReadOnlySpan<RouteTarget> Found => _found.AsSpan(0, _count);

    public void Begin()
    {
        _count = 0;
        _stamp++;
    }

    public void Add(RouteTarget target)
    {
        if (target.Stamp == _stamp)
        {
            return;
        }

        target.Stamp = _stamp;
        if (_count == _found.Length)
        {
            Array.Resize(ref _found, _count * 2);
        }

        _found[_count++] = target;
    }
}
