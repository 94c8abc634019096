namespace Granary.Core.Routing;

/// <summary>x-random: each message to one of the bindings, whichever. x-local-random: to one of those to queues in this process. Keys say nothing.</summary>
/// <param name="isLocal">Whether a queue is in this process; null: that does not matter.</param>
internal sealed class RandomMatcher(Func<string, bool>? isLocal = null) : IBindingMatcher
{
    private readonly BindingList _bindings = new();

    public bool ReadsHeaders => false;

    public bool FollowsFromKey => false;

    public bool TakesOneKey => true;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _bindings.Add(target);

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _bindings.Remove(target);

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        if (isLocal is null && _bindings.Count > 0)
        {
            into.Add(_bindings[Random.Shared.Next(_bindings.Count)]);
        }
        else if (isLocal is not null && FindLocal(isLocal) is { } local)
        {
            into.Add(local);
        }
    }

    private RouteTarget? FindLocal(Func<string, bool> isLocal)
    {
        RouteTarget? chosen = null;
        var seen = 0;
        for (var i = 0; i < _bindings.Count; i++)
        {
            // Each of those seen so far is the chosen one as likely as any other.
            if (isLocal(_bindings[i].Name) && Random.Shared.Next(++seen) == 0)
            {
                chosen = _bindings[i];
            }
        }

        return chosen;
    }
}
