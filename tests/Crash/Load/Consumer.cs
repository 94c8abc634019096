using System.Threading.Channels;
using Granary.Crash.Ledger;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Load;

/// <summary>Takes the messages of one queue and settles them as its plan says.</summary>
internal sealed class Consumer(ConsumerPlan plan, CrashLedger ledger)
{
    private readonly Random _random = new(plan.Seed);

    /// <summary>Consumes until <paramref name="stop"/>; what it holds then goes back.</summary>
    /// <param name="drain">From then on it holds nothing up and gives nothing back.</param>
    public async Task RunAsync(IConnection connection, CancellationToken stop, CancellationToken drain)
    {
        while (!stop.IsCancellationRequested)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
            if (plan.Settling == Settling.Leaves && !drain.IsCancellationRequested)
            {
                end.CancelAfter(_random.Next(500, 3_000));
            }

            await using var channel = await connection.CreateChannelAsync(cancellationToken: CancellationToken.None);
            var session = ledger.BeginSession(plan);
            try
            {
                await (plan.Settling == Settling.Gets ? GetLoopAsync(channel, session, end.Token) : ConsumeAsync(channel, session, end.Token, drain));
                ledger.BeginLeave(session);
                await channel.CloseAsync(CancellationToken.None);
            }
            finally
            {
                if (!session.IsClosed)
                {
                    ledger.BeginLeave(session);
                }

                ledger.EndLeave(session);
            }
        }
    }

    private async Task ConsumeAsync(IChannel channel, ConsumerSession session, CancellationToken end, CancellationToken drain)
    {
        if (plan.Settling == Settling.Commits)
        {
            await channel.TxSelectAsync(CancellationToken.None);
        }

        var inbox = Channel.CreateUnbounded<(ulong Tag, MessageId Id)>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            if (ledger.Deliver(session, e.Body.Span, e.Redelivered) is { } id)
            {
                inbox.Writer.TryWrite((e.DeliveryTag, id));
            }

            return Task.CompletedTask;
        };
        channel.ChannelShutdownAsync += (_, e) =>
        {
            inbox.Writer.TryComplete(new IOException($"The channel ended: {e.ReplyText}"));
            return Task.CompletedTask;
        };
        consumer.UnregisteredAsync += (_, _) =>
        {
            inbox.Writer.TryComplete(new IOException("The broker cancelled the consumer."));
            return Task.CompletedTask;
        };
        await channel.BasicQosAsync(0, plan.Prefetch, global: false, CancellationToken.None);
        await channel.BasicConsumeAsync(Plan.NameOf(plan.Queue), autoAck: false, "", consumer, CancellationToken.None);

        var batch = new List<(ulong Tag, MessageId Id)>();
        try
        {
            while (true)
            {
                batch.Clear();
                batch.Add(await inbox.Reader.ReadAsync(end));
                await FillAsync(inbox.Reader, batch, end, drain);
                await SettleAsync(channel, session, batch, drain.IsCancellationRequested);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // It leaves, with messages in hand.
        }
    }

    /// <summary>Takes what is there, up to a batch; who hoards waits for more.</summary>
    private async Task FillAsync(ChannelReader<(ulong Tag, MessageId Id)> inbox, List<(ulong Tag, MessageId Id)> batch, CancellationToken end, CancellationToken drain)
    {
        var hoards = plan.Settling == Settling.Hoards && !drain.IsCancellationRequested;
        var most = hoards ? plan.Prefetch : Math.Min(plan.Batch, plan.Prefetch);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(end, drain);
        patience.CancelAfter(plan.Patience);
        while (batch.Count < most)
        {
            if (inbox.TryRead(out var next))
            {
                batch.Add(next);
            }
            else if (hoards)
            {
                try
                {
                    await inbox.WaitToReadAsync(patience.Token);
                }
                catch (OperationCanceledException) when (!end.IsCancellationRequested)
                {
                    return;
                }
            }
            else
            {
                return;
            }
        }
    }

    private async Task SettleAsync(IChannel channel, ConsumerSession session, List<(ulong Tag, MessageId Id)> batch, bool isDraining)
    {
        var last = batch[^1].Tag;
        if (plan.Settling == Settling.Commits)
        {
            await CommitAsync(channel, session, batch, withReceipt: !isDraining && batch.Count > 1 && _random.Next(3) == 0);
            return;
        }

        if (!isDraining && plan.Settling == Settling.Hoards && _random.Next(4) == 0)
        {
            batch.ForEach(item => ledger.Return(session, item.Id));
            await channel.BasicNackAsync(last, multiple: true, requeue: true, CancellationToken.None);
            return;
        }

        // One in the middle goes back, the others are acknowledged: all at once where that is possible.
        if (!isDraining && _random.Next(10) == 0)
        {
            var given = _random.Next(batch.Count);
            ledger.Return(session, batch[given].Id);
            await channel.BasicRejectAsync(batch[given].Tag, requeue: true, CancellationToken.None);
            batch.RemoveAt(given);
        }

        batch.ForEach(item => ledger.Ack(session, item.Id));
        if (batch.Count > 0 && _random.Next(4) > 0)
        {
            await channel.BasicAckAsync(batch[^1].Tag, multiple: true, CancellationToken.None);
            return;
        }

        foreach (var (tag, _) in batch)
        {
            await channel.BasicAckAsync(tag, multiple: false, CancellationToken.None);
        }
    }

    private async Task CommitAsync(IChannel channel, ConsumerSession session, List<(ulong Tag, MessageId Id)> batch, bool withReceipt)
    {
        var last = batch[^1].Tag;
        await channel.BasicAckAsync(last, multiple: true, CancellationToken.None);
        if (_random.Next(10) == 0)
        {
            await channel.TxRollbackAsync(CancellationToken.None);
            await channel.BasicAckAsync(last, multiple: true, CancellationToken.None);
        }

        MessageId? receipt = null;
        if (withReceipt)
        {
            var route = new Route("", Plan.NameOf(plan.Queue), [plan.Queue]);
            var size = Bodies.Size(_random);
            receipt = ledger.Send(plan.Publisher, route, size, persistent: true, ledger.BeginTransaction());
            await channel.BasicPublishAsync(
                route.Exchange, route.Key, mandatory: false, new BasicProperties { Persistent = true, Priority = Plan.PriorityOf(receipt.Value) },
                Bodies.Create(receipt.Value, size), CancellationToken.None);
            ledger.Decide(receipt.Value, Fate.Sent);
        }

        batch.ForEach(item => ledger.Ack(session, item.Id));
        await channel.TxCommitAsync(CancellationToken.None);

        // The commit of acknowledgements alone says that the queues have them, as in RabbitMQ, and not that the store has.
        if (receipt is { } id)
        {
            ledger.Decide(id, Fate.Confirmed);
            batch.ForEach(item => ledger.CommitAck(session, item.Id));
        }
    }

    private async Task GetLoopAsync(IChannel channel, ConsumerSession session, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            if (await channel.BasicGetAsync(Plan.NameOf(plan.Queue), autoAck: false, CancellationToken.None) is not { } got)
            {
                await Task.Delay(20, CancellationToken.None);
                continue;
            }

            if (ledger.Deliver(session, got.Body.Span, got.Redelivered) is not { } id)
            {
                continue;
            }

            ledger.Ack(session, id);
            await channel.BasicAckAsync(got.DeliveryTag, multiple: false, CancellationToken.None);
        }
    }
}
