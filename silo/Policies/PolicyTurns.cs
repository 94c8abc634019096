using Granary.Core.Policies;
using Granary.Silo.Exchanges;
using Granary.Silo.Queues.Activation;

namespace Granary.Silo.Policies;

/// <summary>Brings changes of policies to the queues and exchanges that are active in this silo. Those that are not find out when they begin.</summary>
internal sealed class PolicyTurns(LocalQueues queues, LocalExchanges exchanges) : IPolicyFollower
{
    public async Task FollowAsync(PolicyChange change)
    {
        var round = new PolicyRound();
        foreach (var (key, inbox) in queues.All)
        {
            if (change.MayConcern(key))
            {
                inbox.PostPolicies(round);
            }
        }

        await Task.WhenAll(round.Close(), exchanges.FollowAsync(change)).ConfigureAwait(false);
    }
}

/// <summary>Queues that are told of one change: each says when it goes by it, or is no more.</summary>
internal sealed class PolicyRound
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open = 1;

    public void Add() => Interlocked.Increment(ref _open);

    /// <summary>One goes by it.</summary>
    public void Complete()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _done.SetResult();
        }
    }

    /// <summary>All were told. Completes when all go by it.</summary>
    public Task Close()
    {
        Complete();
        return _done.Task;
    }
}
