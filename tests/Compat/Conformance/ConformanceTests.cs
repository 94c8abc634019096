using System.Text;
using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Runs the cases of a section, each on connections of its own.</summary>
public abstract class ConformanceTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    /// <summary>Fails unless the broker does what the case says; or, for a RabbitMQ 3.10 that is said to do something else, if it does.</summary>
    internal async Task RunAsync(ConformanceCase one)
    {
        var broker = shared.Broker;
        if (!broker.IsRabbitMq3 || one.Differs is null)
        {
            await PlayAsync(broker, one);
            return;
        }

        await Assert.ThrowsAnyAsync<Exception>(() => PlayAsync(broker, one));
    }

    private static async Task PlayAsync(BrokerProcess broker, ConformanceCase one)
    {
        await using var stage = new Stage(broker);
        for (var i = 0; i < one.Steps.Length; i++)
        {
            try
            {
                await one.Steps[i].RunAsync(await stage.AtAsync("a1"));
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                throw new InvalidOperationException($"{one.Name}\n{Story(one, i)}\n{exception.Message}", exception);
            }
        }
    }

    private static string Story(ConformanceCase one, int failed)
    {
        var story = new StringBuilder();
        for (var i = 0; i < one.Steps.Length; i++)
        {
            story.Append(i == failed ? "  > " : "    ").AppendLine(one.Steps[i].Text);
        }

        return story.ToString();
    }
}
