using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Links;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>Replies that one client has published, until the gate of its links is left: another connection's gate must not be taken under it.</summary>
internal sealed class ReplyPost(LinkSet links)
{
    private readonly List<(ReplyTarget Target, MessageBatch Reply, PublishRun? Run)> _replies = [];
    private ReplyRoute? _full;

    /// <summary>So much waits for a gateway that this client replies to that it is not read meanwhile.</summary>
    public bool IsHeld => _full is { IsFull: true };

    /// <summary>Under the gate.</summary>
    /// <param name="run">Waits for this one target; null if nobody asks what becomes of the reply.</param>
    public void Add(in ReplyTarget target, in MessageBatch reply, PublishRun? run)
    {
        if (target.Consumer is not null)
        {
            run?.Passed();
        }

        _replies.Add((target, reply, run));
    }

    /// <summary>Outside of the gate, by who took it.</summary>
    public void Send()
    {
        if (_replies.Count == 0)
        {
            return;
        }

        foreach (var (target, reply, run) in _replies)
        {
            if (target.Route is not { } route)
            {
                target.Consumer!.Receive(reply);
            }
            else
            {
                route.Post(reply, run is null ? null : isTaken => Settle(run, isTaken));
                _full = route.IsFull ? route : _full;
            }
        }

        _replies.Clear();
    }

    /// <summary>Completes when no gateway has too much to be sent any more.</summary>
    public Task WaitForRoomAsync() => _full?.WaitForRoomAsync() ?? Task.CompletedTask;

    private void Settle(PublishRun run, bool isTaken) => links.Tell(() =>
    {
        if (isTaken)
        {
            run.Passed();
        }
        else
        {
            run.Unrouted();
        }
    });
}
