namespace Granary.Silo.Queues.Consumers;

/// <summary>
/// Which of a queue's consumers the next message is for. A consumer stands in the <see cref="Consumer.Ring"/> that the rule gave it whenever its credit lets it;
/// the rule says which ring's turn it is.
/// </summary>
internal interface IDispatchRule
{
    void Add(Consumer consumer);

    /// <summary>It has left.</summary>
    void Remove(Consumer consumer);

    /// <summary>It came under a shared limit, or is no longer under one.</summary>
    void Share(Consumer consumer);

    /// <summary>Consumers came or went since the last turn, or it was asked to be called again: called before anything is given out.</summary>
    /// <returns>To be called again in the next turn, too.</returns>
    bool Choose();

    /// <summary>Those who are to be given the next message, the first of them able to take it; null if nobody is.</summary>
    TurnRing? Next();

    /// <summary>Whether the consumer's gateway may be asked for a part of a shared limit: nobody else is to be asked before.</summary>
    bool MayAsk(Consumer consumer);

    /// <summary>How many messages could be given out now, up to <paramref name="most"/>.</summary>
    long Credit(long most);

    /// <summary>Consumers came again in another order than that of their ranks.</summary>
    void Order();
}
