using Granary.Crash.Ledger;
using RabbitMQ.Client;

namespace Granary.Crash.Load;

/// <summary>All publishers and consumers of a plan; they connect to one run of the broker after the other.</summary>
internal sealed class Clients
{
    private const int ConsumersPerConnection = 3;
    private readonly CrashLedger _ledger;
    private readonly Faults _faults;
    private readonly LateDefinitions _late;
    private readonly Publisher[] _publishers;
    private readonly Consumer[][] _consumers;

    public Clients(Plan plan, CrashLedger ledger, Faults faults, int backlog)
    {
        _ledger = ledger;
        _faults = faults;
        _late = new LateDefinitions(plan.Seed, ledger, faults);
        _publishers = [.. plan.Publishers.Select(publisher => new Publisher(publisher, plan, ledger, backlog))];
        _consumers = [.. plan.Consumers.Select(consumer => new Consumer(consumer, ledger)).Chunk(ConsumersPerConnection)];
    }

    public LateDefinitions Late => _late;

    /// <summary>Connects all of them to a broker.</summary>
    public ClientRun Start(int port)
    {
        var run = new ClientRun();
        run.Publishing = Task.WhenAll(
        [
            .. _publishers.Select((publisher, i) => GuardAsync($"publisher {i}", run.StopPublishing, () => publisher.RunAsync(port, run.StopPublishing))),
            GuardAsync("the declarer", run.StopPublishing, () => _late.RunAsync(port, run.StopPublishing)),
        ]);
        run.Consuming = Task.WhenAll(
            _consumers.Select((group, i) => GuardAsync($"consumer connection {i}", run.StopConsuming, () => ConsumeAsync(port, group, run))));
        return run;
    }

    private static async Task ConsumeAsync(int port, Consumer[] group, ClientRun run)
    {
        await using var connection = await Client.ConnectAsync(port);
        var consumers = group.Select(consumer => consumer.RunAsync(connection, run.StopConsuming, run.Draining)).ToList();
        await Task.WhenAny(Task.WhenAll(consumers), FirstFailureAsync(consumers));

        // If one failed the others do now.
        await connection.AbortAsync();
        await Task.WhenAll(consumers);
    }

    private static async Task FirstFailureAsync(List<Task> tasks)
    {
        var left = tasks.ToList();
        while (left.Count > 0)
        {
            var done = await Task.WhenAny(left);
            if (!done.IsCompletedSuccessfully)
            {
                return;
            }

            left.Remove(done);
        }
    }

    /// <summary>Runs a client until it is done or the broker is killed. A connection lost for another reason is a fault, and is opened again.</summary>
    private async Task GuardAsync(string who, CancellationToken stop, Func<Task> client)
    {
        var run = _ledger.Run;
        await Task.Yield();
        while (true)
        {
            try
            {
                await client();
                return;
            }
            catch (ConfirmsMissingException exception)
            {
                _faults.Add($"run {run}, {who}: {exception.Message}");
            }
            catch (Exception exception) when (Client.IsLoss(exception))
            {
                if (_ledger.IsKilling || _ledger.Run != run)
                {
                    return;
                }

                _faults.Add($"run {run}, {who} lost its connection: {exception.GetType().Name}: {exception.GetBaseException().Message}");
            }

            if (stop.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(300, CancellationToken.None);
        }
    }
}
