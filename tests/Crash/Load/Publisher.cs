using Granary.Crash.Ledger;
using RabbitMQ.Client;

namespace Granary.Crash.Load;

/// <summary>Publishes to all routes as its plan says, and notes what the broker answers.</summary>
internal sealed class Publisher(PublisherPlan plan, Plan whole, CrashLedger ledger, int backlog)
{
    private readonly Random _random = new(plan.Seed);

    /// <summary>Publishes until <paramref name="stop"/>, and then waits for what is not answered.</summary>
    public async Task RunAsync(int port, CancellationToken stop)
    {
        await using var connection = await Client.ConnectAsync(port);
        if (plan.Transactions)
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: CancellationToken.None);
            await CommitLoopAsync(channel, stop);
        }
        else
        {
            await using var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), CancellationToken.None);
            var confirms = new Confirms(channel, ledger.Decide);
            await ConfirmLoopAsync(channel, confirms, stop);
            await confirms.WaitUntilAsync(0);
        }

        await connection.CloseAsync(CancellationToken.None);
    }

    private async Task ConfirmLoopAsync(IChannel channel, Confirms confirms, CancellationToken stop)
    {
        while (await MayGoOnAsync(stop))
        {
            for (var i = _random.Next(plan.Burst); i >= 0; i--)
            {
                await confirms.WaitUntilAsync(plan.Window - 1);
                var route = NextRoute(mayRefuse: true);
                var size = Bodies.Size(_random);
                var persistent = _random.Next(20) != 0;
                var id = ledger.Send(plan.Id, route, size, persistent);
                confirms.Add(id);
                await PublishAsync(channel, route, id, size, persistent);
            }
        }
    }

    private async Task CommitLoopAsync(IChannel channel, CancellationToken stop)
    {
        await channel.TxSelectAsync(CancellationToken.None);
        while (await MayGoOnAsync(stop))
        {
            var transaction = ledger.BeginTransaction();
            var sent = new List<MessageId>();
            var only = _random.Next(3) > 0 ? NextRoute(mayRefuse: false) : null;
            for (var i = _random.Next(20); i >= 0; i--)
            {
                var route = only ?? NextRoute(mayRefuse: false);
                var size = Bodies.Size(_random);
                sent.Add(ledger.Send(plan.Id, route, size, persistent: true, transaction));
                await PublishAsync(channel, route, sent[^1], size, persistent: true);
            }

            if (_random.Next(8) == 0)
            {
                await channel.TxRollbackAsync(CancellationToken.None);
                sent.ForEach(id => ledger.Decide(id, Fate.RolledBack));
            }
            else
            {
                sent.ForEach(id => ledger.Decide(id, Fate.Sent));
                await channel.TxCommitAsync(CancellationToken.None);
                sent.ForEach(id => ledger.Decide(id, Fate.Confirmed));
            }
        }
    }

    private static async Task PublishAsync(IChannel channel, Route route, MessageId id, int size, bool persistent) =>
        await channel.BasicPublishAsync(
            route.Exchange, route.Key, mandatory: false, new BasicProperties { Persistent = persistent, Priority = Plan.PriorityOf(id) }, Bodies.Create(id, size), CancellationToken.None);

    private Route NextRoute(bool mayRefuse)
    {
        while (true)
        {
            var route = whole.Routes[_random.Next(whole.Routes.Length)];
            if (mayRefuse || !route.MayRefuse)
            {
                return route;
            }
        }
    }

    /// <summary>Pauses a moment, and for as long as consumers are far behind; false at the end.</summary>
    private async Task<bool> MayGoOnAsync(CancellationToken stop)
    {
        try
        {
            do
            {
                await Task.Delay(_random.Next(15), stop);
            }
            while (ledger.Owed > backlog);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
