namespace Granary.Silo.Queues.Consumers;

/// <summary>Consumers that are equal: one message each in turn.</summary>
internal sealed class EqualTurns : IDispatchRule
{
    public TurnRing Ring { get; } = new();

    public void Add(Consumer consumer) => consumer.Ring = Ring;

    public void Remove(Consumer consumer)
    {
        // Its ring drops it when its turn comes.
    }

    public void Share(Consumer consumer)
    {
        // Who waits for a loan keeps nobody else from messages.
    }

    public bool Choose() => false;

    public TurnRing? Next() => Ring.DropUnable() ? Ring : null;

    public bool MayAsk(Consumer consumer) => true;

    public long Credit(long most) => Ring.Credit(most);

    public void Order() => Ring.Order();
}
