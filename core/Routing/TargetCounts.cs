namespace Granary.Core.Routing;

/// <summary>Targets with the number of bindings to each: what hangs on one key, trie node or header rule.</summary>
internal sealed class TargetCounts
{
    // Below this a scan beats a dictionary, and most keys have one or two targets.
    private const int IndexedFrom = 16;

    private RouteTarget[] _targets = new RouteTarget[1];
    private int[] _bindings = new int[1];
    private int _count;
    private Dictionary<RouteTarget, int>? _positions;

    public bool IsEmpty => _count == 0;

    public void Add(RouteTarget target)
    {
        var at = PositionOf(target);
        if (at >= 0)
        {
            _bindings[at]++;
            return;
        }

        if (_count == _targets.Length)
        {
            Array.Resize(ref _targets, _count * 2);
            Array.Resize(ref _bindings, _count * 2);
        }

        _targets[_count] = target;
        _bindings[_count] = 1;
        _positions?.Add(target, _count);
        _count++;
        if (_positions is null && _count >= IndexedFrom)
        {
            _positions = new Dictionary<RouteTarget, int>(_count * 2);
            for (var i = 0; i < _count; i++)
            {
                _positions.Add(_targets[i], i);
            }
        }
    }

    /// <summary>Takes one binding to the target away; false if there is none.</summary>
    public bool Remove(RouteTarget target)
    {
        var at = PositionOf(target);
        if (at < 0)
        {
            return false;
        }

        if (--_bindings[at] > 0)
        {
            return true;
        }

        var last = --_count;
        _positions?.Remove(target);
        if (at != last)
        {
            _targets[at] = _targets[last];
            _bindings[at] = _bindings[last];
            if (_positions is not null)
            {
                _positions[_targets[at]] = at;
            }
        }

        _targets[last] = null!;
        return true;
    }

    public void CollectInto(TargetCollector into)
    {
        var targets = _targets;
        for (var i = 0; i < _count; i++)
        {
            into.Add(targets[i]);
        }
    }

    private int PositionOf(RouteTarget target) =>
        _positions is null ? Array.IndexOf(_targets, target, 0, _count) : _positions.TryGetValue(target, out var at) ? at : -1;
}
