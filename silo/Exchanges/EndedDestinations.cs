namespace Granary.Silo.Exchanges;

/// <summary>
/// Destinations whose bindings were removed because they are gone. Whoever binds asks the destination first, which may be gone by the time the exchange hears
/// of the binding: nobody would remove it then. So what is gone is remembered for longer than a call to bind is under way, with all its tries.
/// </summary>
internal sealed class EndedDestinations
{
    /// <summary>In milliseconds.</summary>
    private const long RememberedFor = 180_000;

    private readonly HashSet<Guid> _incarnations = [];
    private readonly Queue<(Guid Incarnation, long Until)> _inOrder = new();

    /// <summary>Until when there is something to remember, or 0.</summary>
    public long Until { get; private set; }

    public void Add(Guid incarnation, long now)
    {
        Forget(now);
        if (_incarnations.Add(incarnation))
        {
            Until = now + RememberedFor;
            _inOrder.Enqueue((incarnation, Until));
        }
    }

    public bool Contains(Guid incarnation) => _incarnations.Contains(incarnation);

    private void Forget(long now)
    {
        while (_inOrder.TryPeek(out var oldest) && oldest.Until <= now)
        {
            _inOrder.Dequeue();
            _incarnations.Remove(oldest.Incarnation);
        }
    }
}
