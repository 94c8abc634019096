using System.Globalization;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Churn;

/// <summary>Queues that go by themselves, each with bindings and an exchange: nothing of them stays.</summary>
/// <remarks>GRANARY_TEST_CHURN says how many come and go (1,000 unless told; a full run takes 10,000).</remarks>
public sealed class QueueChurnTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int Clients = 8;

    /// <summary>By so much the memory that is resident may differ between two quiet times, however many queues there were.</summary>
    private const long Most = 16L << 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly int Queues =
        Environment.GetEnvironmentVariable("GRANARY_TEST_CHURN") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 1_000;

    [Fact]
    public async Task Queues_ThatGoByThemselves_TakeBindingsAndExchangesWithThem()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await ComeAndGoAsync(broker, "warm", Queues / 4);
        var before = Residue.Of(broker);

        await ComeAndGoAsync(broker, "churn", Queues);

        var after = Residue.Of(broker);
        using var settling = new CancellationTokenSource(Limit);
        while (!settling.IsCancellationRequested && (after.Descriptors > before.Descriptors + 2 || after.ResidentBytes > before.ResidentBytes + Most))
        {
            // Sockets that the client closed a moment ago; names that were asked for a moment ago; memory, which a node gives back once it is quiet.
            await Task.Delay(250, CancellationToken.None);
            after = Residue.Of(broker);
        }

        output.WriteLine($"{Queues} queues: {before} before, {after} after");
        Assert.InRange(after.Descriptors, 0, before.Descriptors + 2);
        Assert.InRange(after.ResidentBytes - before.ResidentBytes, long.MinValue, Most);
        broker.Settle();
        Assert.Empty(broker.Watched.Lines);
    }

    /// <summary>Has them all come and go, and returns when nothing of any is left.</summary>
    private static async Task ComeAndGoAsync(BrokerProcess broker, string prefix, int count)
    {
        var queues = Enumerable.Range(0, count).Select(number => new PassingQueue(prefix, number)).ToArray();
        await Parallel.ForEachAsync(queues, new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (queue, _) =>
        {
            try
            {
                await queue.ComeAndGoAsync(broker.AmqpPort);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                throw new InvalidOperationException($"{queue}: {exception.Message}\n{broker.Log}", exception);
            }
        });
        using var limit = new CancellationTokenSource(Limit);
        await Parallel.ForEachAsync(queues.Chunk(100), new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (chunk, _) =>
        {
            foreach (var queue in chunk)
            {
                while (!await IsGoneAsync(broker, queue))
                {
                    Assert.False(limit.IsCancellationRequested, $"something of {queue.Name} was left after {Limit}");
                    await Task.Delay(500, CancellationToken.None);
                }
            }
        });
    }

    private static async Task<bool> IsGoneAsync(BrokerProcess broker, PassingQueue queue)
    {
        await using var connection = await WireConnection.OpenAsync(broker.AmqpPort);
        await connection.CallAsync(1, ConfirmSelect(), 85, 11);
        return await queue.IsGoneAsync(connection);
    }
}
