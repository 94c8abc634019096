using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Core.Transactions;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Queues.Links;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Queues;

/// <summary>
/// What stands in the place of a name: a <see cref="Queue"/>, or a stream. A turn applies the items of a packet and ends with <see cref="EndTurn"/>, which gives
/// out what can be given and notes for the store what happened.
/// </summary>
internal interface IDeclaredQueue
{
    QueueDefinition Definition { get; }

    Guid Incarnation { get; }

    QueueFigures Figures { get; }

    /// <summary>Null keeps everything in memory.</summary>
    QueueStorage? Storage { get; }

    /// <summary>Messages that can be delivered, or will be when they are stored.</summary>
    long ReadyCount { get; }

    int ConsumerCount { get; }

    /// <summary>Its last consumer went, and it is one that is deleted then. Whatever comes in the rest of the turn meets a queue that is gone.</summary>
    bool IsDoomed { get; }

    /// <summary>Every offset below needs no store any more.</summary>
    long Watermark { get; }

    /// <summary>The offset that the next message gets.</summary>
    long NextOffset { get; }

    /// <summary>Every offset below is stored, or needs no store.</summary>
    long StoredThrough { get; }

    /// <summary>The number of the turn that is to end, and through which turn all is stored.</summary>
    (long Current, long Stored) Turn { get; }

    /// <summary>Exchanges that have, or may have, bindings to this queue.</summary>
    IReadOnlyCollection<string> BindingSources { get; }

    /// <summary>When something becomes due by itself, or never.</summary>
    long NextDue { get; }

    /// <summary>Memory may have to be given back some time.</summary>
    bool NeedsTidy { get; }

    /// <summary>Sessions that an earlier activation had and that are waited for.</summary>
    IReadOnlyCollection<SessionId> Awaited { get; }

    /// <summary>It gives nothing yet, for sessions of an earlier activation have not said what they hold.</summary>
    bool IsRecovering { get; }

    /// <summary>A session has to be known to the store before it is given anything.</summary>
    bool StoresSessions { get; }

    /// <summary>Null: it can be handed over to another silo without losing anything.</summary>
    string? WhyNotMoved { get; }

    /// <summary>It was declared, or something was got from it: its time begins anew.</summary>
    void Use(long now);

    bool HasExpired(long now);

    QueueAnswer Describe();

    void AddBindingSource(string exchange);

    /// <summary>Everything up to <paramref name="offset"/> is stored, or need not be.</summary>
    void AdvanceWatermark(long offset);

    /// <summary>False when its session has gone on over another link: what comes over this one is old.</summary>
    bool TryOpen(QueueLink link, long now);

    void Apply(QueueLink link, LinkUpItem item, long now);

    /// <summary>Goes by other settings from now on. To be followed by <see cref="EndTurn"/>.</summary>
    /// <returns>False: these are what it goes by.</returns>
    bool Apply(QueueSettings settings, long now);

    /// <summary>Gets ready for a transaction's part, or refuses it and changes nothing.</summary>
    PrepareAnswer Prepare(PreparedPart prepared);

    /// <summary>The transaction takes effect.</summary>
    void Commit(PreparedPart prepared, long now);

    /// <summary>Nothing comes of the transaction.</summary>
    void Abort(PreparedPart prepared, long now);

    /// <summary>An earlier activation was ready for a transaction that takes effect: that happens before anything else.</summary>
    void Recommit(PreparedPart prepared, long now);

    void EndTurn(long now);

    /// <summary>Removes the ready messages and says how many there were. To be followed by <see cref="EndTurn"/>.</summary>
    long Purge();

    void Tidy(long now);

    /// <summary>Nothing will be heard of the link any more; nor of its session, unless that has another one.</summary>
    void Forget(QueueLink link);

    /// <summary>Delivers nothing until these have said what they still hold, or a while has passed.</summary>
    void Await(SessionId[] sessions, long until);

    /// <summary>The session will not come: its member is gone, and what it held is anybody's.</summary>
    void AwaitNoMore(SessionId session);

    /// <summary>Goes on from what an earlier activation had, if that is still to be done and can be. True if the queue is deleted thereby.</summary>
    bool Recover(long now);

    /// <summary>Stores for the next activation what is in memory only; how many messages were stored, and how many were not.</summary>
    (long Stored, long Lost) HandOver(QueueJournal? borrowed);

    /// <summary>The activation ends: what is noted ahead of need is set back.</summary>
    void CloseStorage();

    /// <summary>The activation ends without having ended its turn: what the turn noted is dropped, and what is stored is the next activation's.</summary>
    void AbandonStorage();

    /// <summary>The queue is deleted, and all that the store has of it.</summary>
    void DeleteStorage();
}
