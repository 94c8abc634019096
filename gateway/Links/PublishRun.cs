using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Gateway.Links;

/// <summary>Who wants to know what became of published messages. Called under the gate of the <see cref="LinkSet"/>.</summary>
internal interface IPublishOwner
{
    void OnPublished(PublishRun run);

    /// <summary>There was no queue to publish to.</summary>
    void OnUnroutable(PublishRun run);

    /// <summary>Nobody can say whether a queue has it: neither a confirm nor a refusal would be true.</summary>
    void OnLost(PublishRun run);
}

/// <summary>
/// A run of messages published one after the other to the same queues, whose outcome somebody waits for (confirms, mandatory, a transaction).
/// Messages that nobody asks about have none.
/// </summary>
internal sealed class PublishRun(IPublishOwner owner, ulong firstTag, MessageBatch batch, bool mandatory, int targets) : IPublishOutcome
{
    private readonly int _count = batch.Count;
    private MessageBatch _batch = batch;
    private int _pending = targets;
    private bool[]? _refused;

    /// <summary>The publisher's number for the first message, when it counts them.</summary>
    public ulong FirstTag => firstTag;

    public ulong LastTag => firstTag + (ulong)_count - 1;

    public int Count => _count;

    /// <summary>Kept until the outcome is known, so that the messages can be returned.</summary>
    public MessageBatch Batch => _batch;

    public bool IsMandatory => mandatory;

    /// <summary>Every queue has answered for good.</summary>
    public bool IsSettled => _pending == 0;

    /// <summary>At least one queue took part of the run.</summary>
    public bool WasRouted { get; private set; }

    /// <summary>The publisher has been told.</summary>
    public bool IsAnnounced { get; set; }

    public bool AnyRefused => _refused is not null;

    public bool IsRefused(int index) => _refused is not null && _refused[index];

    /// <summary>One queue has the messages, durably where that was asked for.</summary>
    public void Passed()
    {
        WasRouted = true;
        Settle();
    }

    /// <summary>One queue was not there.</summary>
    public void Unrouted() => Settle();

    /// <summary>There is no queue at all.</summary>
    public void Unroutable()
    {
        owner.OnUnroutable(this);
        _batch = default;
    }

    /// <summary>One queue may have the messages or not.</summary>
    public void Lost() => owner.OnLost(this);

    /// <summary>One queue refused some of the messages; <see cref="Passed"/> follows for the others.</summary>
    public void Refuse(int[] indexes)
    {
        _refused ??= new bool[_count];
        foreach (var index in indexes)
        {
            _refused[index] = true;
        }
    }

    private void Settle()
    {
        if (--_pending == 0)
        {
            owner.OnPublished(this);

            // The publisher may be slow to take the answer, and must not keep the messages in memory by it.
            _batch = default;
        }
    }
}
