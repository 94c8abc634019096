namespace Granary.Core.Routing;

/// <summary>Bindings in the order of their destinations' names, which is the same in every process whenever each binding came. One destination may be there several times.</summary>
internal sealed class BindingList
{
    private static readonly Comparer<RouteTarget> ByName = Comparer<RouteTarget>.Create(static (left, right) =>
        left.Kind != right.Kind ? left.Kind.CompareTo(right.Kind) : string.CompareOrdinal(left.Name, right.Name));

    private readonly List<RouteTarget> _targets = [];

    public int Count => _targets.Count;

    public RouteTarget this[int index] => _targets[index];

    public void Add(RouteTarget target)
    {
        var at = _targets.BinarySearch(target, ByName);
        _targets.Insert(at < 0 ? ~at : at, target);
    }

    public bool Remove(RouteTarget target)
    {
        var at = _targets.BinarySearch(target, ByName);
        if (at < 0)
        {
            return false;
        }

        _targets.RemoveAt(at);
        return true;
    }
}
