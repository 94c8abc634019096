using System.Collections.Concurrent;
using Granary.Differ.Tests.Brokers;

namespace Granary.Differ.Tests.Walk;

/// <summary>The same random sequences of operations to both brokers.</summary>
[Collection(BothBrokersCollection.Name)]
public sealed class WalkTests(BothBrokers brokers)
{
    [BothBrokersFact]
    public async Task Amqp_RandomSequences_AreAnsweredAsByRabbitMq()
    {
        var found = new ConcurrentDictionary<string, string>();
        var next = WalkSettings.FirstSeed - 1;
        await Task.WhenAll(Enumerable.Range(0, WalkSettings.Walkers).Select(WalkAsync));
        Assert.True(found.IsEmpty, $"{found.Count} disagreements.\n\n{string.Join("\n\n", found.Values)}");

        async Task WalkAsync(int number)
        {
            var vhost = $"walk-{number}";
            await Task.WhenAll(brokers.RabbitMq.MakeVhostAsync(vhost), brokers.Granary.MakeVhostAsync(vhost));
            while (Interlocked.Increment(ref next) is var seed && seed < WalkSettings.FirstSeed + WalkSettings.Sequences)
            {
                await OneAsync(vhost, seed);
            }

            await Task.WhenAll(brokers.RabbitMq.DeleteVhostAsync(vhost), brokers.Granary.DeleteVhostAsync(vhost));
        }

        async Task OneAsync(string vhost, int seed)
        {
            var sequence = Generator.Draw(seed);
            if (await Duel.FightAsync(brokers, vhost, sequence, Pace.Quick) is not { } quick || found.ContainsKey(quick.Sign))
            {
                return;
            }

            // Again, with time for all that comes by itself: what is left then is no matter of when things happen.
            if (await Duel.FightAsync(brokers, vhost, sequence, Pace.Patient) is not { } slow || !found.TryAdd(slow.Sign, ""))
            {
                return;
            }

            var (_, smallest) = await Shrinking.ShrinkAsync(brokers, vhost, sequence, slow, Pace.Quick);
            found[slow.Sign] = $"seed {seed}: {smallest.Sign}\n{smallest.Story}";
            WalkSettings.Report([found[slow.Sign]]);
        }
    }
}
