using System.Text;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Transactions;
using Granary.Gateway.Links;
using Granary.Gateway.Transactions;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>What one channel's publisher is told about its messages: returns, confirms, or the end of its transaction.</summary>
internal sealed class PublishOutcomes(AmqpChannel channel) : IPublishOwner
{
    private Confirms? _confirms;
    private TransactionCommit? _commit;
    private bool _confirmsQueued;

    /// <summary>Not null on a transactional channel.</summary>
    public Transaction? Transaction { get; private set; }

    /// <summary>The number of the channel.</summary>
    public int Channel => channel.Number;

    public bool HasConfirms => _confirms is not null;

    /// <summary>Messages that the publisher waits for a word about.</summary>
    public int Unconfirmed => _confirms?.Unconfirmed ?? 0;

    private AmqpConnection Connection => channel.Connection;

    public void SelectConfirms()
    {
        if (Transaction is not null)
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, "cannot switch from tx to confirm mode", MethodId.ConfirmSelect);
        }

        // What was published before is not counted.
        Connection.Publisher.Seal();
        _confirms ??= new Confirms();
    }

    public void SelectTransaction()
    {
        if (_confirms is not null)
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, "cannot switch from confirm to tx mode", MethodId.TxSelect);
        }

        Connection.Publisher.Seal();
        Transaction ??= new Transaction();
    }

    /// <summary>Follows a published batch if anybody waits for its outcome.</summary>
    public PublishRun? Track(in MessageBatch batch, bool mandatory, int targets)
    {
        var run = _confirms is not null ? _confirms.Track(this, batch, mandatory, targets)
            : mandatory ? new PublishRun(this, 0, batch, mandatory, targets)
            : null;
        if (targets == 0)
        {
            run?.Unroutable();
        }

        return run;
    }

    public void CountPublished(int messages) => channel.Counts.Add(MessageEvent.Publish, messages);

    public void OnUnroutable(PublishRun run)
    {
        ReturnUnrouted(run);
        Confirm(run);
    }

    public void OnPublished(PublishRun run)
    {
        ReturnUnrouted(run);
        Confirm(run);
    }

    public void OnLost(PublishRun run) => Connection.Lose(channel, WhatIsLost());

    /// <summary>Gives a mandatory message that no queue took back to its publisher.</summary>
    public void ReturnUnrouted(PublishRun run)
    {
        if (run.IsMandatory && !run.WasRouted)
        {
            WriteReturns(run.Batch);
        }
    }

    /// <summary>What the publisher is told when nobody can say whether a queue has its messages.</summary>
    public static AmqpChannelException WhatIsLost() => new(
        ReplyCode.NotFound, "a queue that messages were published to is served by another node now, and whether it has them is not known", MethodId.BasicPublish);

    /// <summary>Writes the confirms that are due.</summary>
    public void WriteConfirms(AmqpOutput output)
    {
        _confirmsQueued = false;
        output.OutcomesTaken(_confirms!.Waiting);
        channel.Counts.Add(MessageEvent.Confirm, _confirms.Write(output, channel.Number));
    }

    /// <summary>Has the transaction take effect. False: a queue refused a part of it, and where it is for several queues nothing of it has happened.</summary>
    public ValueTask<bool> CommitAsync(Transaction transaction, Action<SettledDelivery, Settlement> settle)
    {
        AtomicParts parts;
        lock (Connection.Links.Gate)
        {
            Connection.Publisher.Seal();
            parts = transaction.Begin();
        }

        return parts.Count > 1 ? CommitAtomicallyAsync(transaction, parts) : CommitToLinksAsync(transaction, settle);
    }

    /// <summary>Has several queues do it together. Meanwhile the connection reads nothing; it may end, which changes nothing of what happens.</summary>
    private async ValueTask<bool> CommitAtomicallyAsync(Transaction transaction, AtomicParts parts)
    {
        // What was done before comes before it.
        await Connection.Links.DrainAllAsync().AsTask().WaitAsync(Connection.Gone).ConfigureAwait(false);
        lock (Connection.Links.Gate)
        {
            transaction.ReleaseReturned();
        }

        var (outcome, missing, _) = await Connection.Atomically.RunAsync(parts.ToParts(Connection.Id), static _ => true).ConfigureAwait(false);
        if (outcome == AtomicOutcome.Unknown)
        {
            throw WhatIsLost();
        }

        if (outcome != AtomicOutcome.Done)
        {
            return false;
        }

        lock (Connection.Links.Gate)
        {
            transaction.Committed(missing, batch => CountPublished(batch.Count), batch => WriteReturns(batch), channel.SettleCommitted);
            Connection.Settlements.Emit();
            Connection.Links.Flush();
        }

        return true;
    }

    /// <summary>Hands the transaction to the links: one packet, which its queue applies in one turn. Completes when the queue has answered; false when it refused a part of it.</summary>
    private async ValueTask<bool> CommitToLinksAsync(Transaction transaction, Action<SettledDelivery, Settlement> settle)
    {
        var commit = new TransactionCommit(this);
        lock (Connection.Links.Gate)
        {
            Connection.Publisher.Seal();
            _commit = commit;
            transaction.Commit(commit, static (path, batch, run) => Publisher.Send(path, batch, run), settle);
            Connection.Settlements.Emit();
            Connection.Links.Flush();
        }

        await commit.Published.WaitAsync(Connection.Gone).ConfigureAwait(false);
        await Connection.Links.DrainAllAsync().AsTask().WaitAsync(Connection.Gone).ConfigureAwait(false);
        _commit = null;
        return !commit.AnyRefused;
    }

    /// <summary>The channel is gone: nobody waits for a confirm or a commit any more.</summary>
    public void Abandon()
    {
        _commit?.Abandon();
        if (_confirmsQueued)
        {
            _confirmsQueued = false;
            Connection.Output.OutcomesTaken(_confirms!.Waiting);
            Connection.Output.ConfirmsNotDue(this);
            _confirms.Forget();
        }
    }

    private void Confirm(PublishRun run)
    {
        if (_confirms is { } confirms && run.FirstTag > 0 && !channel.IsReleased)
        {
            confirms.Settled(run);
            Connection.Output.OutcomeWaits();
            if (!_confirmsQueued)
            {
                _confirmsQueued = true;
                Connection.Output.ConfirmsDue(this);
            }
        }
    }

    private void WriteReturns(in MessageBatch batch)
    {
        channel.Counts.Add(MessageEvent.ReturnUnroutable, batch.Count);
        var records = batch.Records.Span;
        for (var at = 0; at < records.Length;)
        {
            var message = new MessageRecord(records[at..]);
            Connection.Send(
                channel.Number,
                new BasicReturn(ReplyCode.NoRoute, "NO_ROUTE", Encoding.UTF8.GetString(message.Exchange), Encoding.UTF8.GetString(message.RoutingKey)));
            Connection.Deliveries.WriteContent(channel.Number, batch.Records[at..], owner: null);
            at += message.Length;
        }
    }
}
