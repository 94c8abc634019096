using System.Collections.Concurrent;
using Granary.Core.Links;
using Granary.Core.Threads;
using Granary.Silo.Placement;
using Granary.Silo.Policies;

namespace Granary.Silo.Queues.Activation;

/// <summary>The inboxes of the queue grains that are active in this silo, by key.</summary>
internal sealed class LocalQueues : ILocalQueues
{
    private readonly ConcurrentDictionary<string, QueueInbox> _queues = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, bool> _mayDeliver = new(StringComparer.Ordinal);

    public IEnumerable<QueueInbox> Inboxes => _queues.Values;

    /// <summary>With their keys. One that is added before it is listed by this goes by the policies that there were before.</summary>
    public IEnumerable<KeyValuePair<string, QueueInbox>> All => _queues;

    /// <summary>Some are of names without a queue, which were asked for a moment ago.</summary>
    public IEnumerable<string> Keys => _queues.Keys;

    public ILocalQueue? Find(string key) => _queues.GetValueOrDefault(key);

    public QueueActivation? FindActivation(string key) => _queues.GetValueOrDefault(key)?.Activation;

    public void Add(string key, QueueInbox inbox) => _queues[key] = inbox;

    /// <summary>A member is dead, and may deliver what it has until <see cref="PostGone"/> is called for it.</summary>
    public void NoteDead(string member) => _mayDeliver[member] = true;

    /// <summary>Whether a dead member may still deliver what it has: queues are told when it no longer may.</summary>
    public bool MayDeliver(string member) => _mayDeliver.ContainsKey(member);

    /// <summary>Has every queue let go of what a member of the cluster had of it.</summary>
    public void PostGone(string member)
    {
        _mayDeliver.TryRemove(member, out _);
        foreach (var inbox in _queues.Values)
        {
            inbox.PostGone(member);
        }
    }

    public void Remove(string key, QueueInbox inbox) => _queues.TryRemove(new(key, inbox));
}

/// <summary>What comes for a queue grain without a call.</summary>
/// <param name="take">Takes what has come, in a turn of its own.</param>
internal sealed class QueueInbox(InboxTurn<QueueNews> take) : ILocalQueue
{
    private readonly Inbox<QueueNews> _inbox = new(take);
    private int _lookIsPosted;

    /// <summary>Whose it is.</summary>
    public QueueActivation? Activation { get; init; }

    public bool TrySend(LinkUp up, ILocalLink link) => _inbox.TryPost(new QueueNews(up, link));

    /// <summary>A member of the cluster is dead.</summary>
    public void PostGone(string member) => _inbox.TryPost(new QueueNews(null, null, member));

    /// <summary>Policies have changed: the queue goes by them, or is no more, when it says so to the round.</summary>
    public void PostPolicies(PolicyRound round)
    {
        round.Add();
        if (!_inbox.TryPost(new QueueNews(null, null, Policies: round)))
        {
            round.Complete();
        }
    }

    /// <summary>Silos have joined: if the queue belongs to one of them, it goes there.</summary>
    public void PostJoined(JoinedSilos silos) => _inbox.TryPost(new QueueNews(null, null, Joined: silos));

    /// <summary>Has the queue go to another silo if it can.</summary>
    /// <returns>Whether it is on its way.</returns>
    public Task<bool> PostMove(SiloAddress silo)
    {
        var move = new QueueMove(silo, new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!_inbox.TryPost(new QueueNews(null, null, Move: move)))
        {
            move.Begun.SetResult(false);
        }

        return move.Begun.Task;
    }

    /// <summary>Has a turn look at what moved in the store, or arrived where dead letters go, or is due.</summary>
    public void PostLook()
    {
        if (Interlocked.Exchange(ref _lookIsPosted, 1) == 0)
        {
            _inbox.TryPost(default);
        }
    }

    /// <summary>To be called before the look that was posted: what moves from here on needs another one.</summary>
    public void BeginLook() => Interlocked.Exchange(ref _lookIsPosted, 0);

    public bool TryCloseEmpty() => _inbox.TryCloseEmpty();

    /// <summary>Takes nothing any more, and has those who wait for an answer send their packets again.</summary>
    public void Close()
    {
        foreach (var news in _inbox.Close())
        {
            news.Fail();
        }
    }
}

/// <summary>A packet of a link, or that a member of the cluster is gone, or that silos have joined, or that the queue is to go to another one, or that policies have changed, or else that something is to be looked at.</summary>
internal readonly record struct QueueNews(
    LinkUp? Up, ILocalLink? Link, string? Gone = null, JoinedSilos? Joined = null, QueueMove? Move = null, PolicyRound? Policies = null)
{
    /// <summary>It comes too late for this activation.</summary>
    public void Fail()
    {
        Link?.Fail();
        Move?.Begun.SetResult(false);
        Policies?.Complete();
    }
}

/// <summary>A wish to have a queue elsewhere.</summary>
/// <param name="Begun">Whether it is on its way.</param>
internal sealed record QueueMove(SiloAddress To, TaskCompletionSource<bool> Begun);
