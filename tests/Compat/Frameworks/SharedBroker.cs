using System.Text;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Frameworks.Tests;

/// <summary>The broker of this run as xunit's class fixture, with a look into its queues past the frameworks.</summary>
public sealed class SharedBroker : BrokerFixture, IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>The next message of a queue, which somebody is about to put there, and may be about to declare.</summary>
    public async Task<(string Body, IDictionary<string, object?> Headers)> TakeAsync(string queue)
    {
        using var limit = new CancellationTokenSource(Limit);
        await using var connection = await new ConnectionFactory { Uri = new Uri(Broker.AmqpUrl) }.CreateConnectionAsync(limit.Token);
        while (true)
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: limit.Token);
            try
            {
                if (await channel.BasicGetAsync(queue, autoAck: true, limit.Token) is { } got)
                {
                    return (Encoding.UTF8.GetString(got.Body.Span), got.BasicProperties.Headers ?? new Dictionary<string, object?>());
                }
            }
            catch (OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == 404)
            {
                // Declared with its first message.
            }

            await Task.Delay(50, limit.Token);
        }
    }
}
