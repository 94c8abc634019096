using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.RabbitMqClient7.Tests;

/// <summary>The broker of this run as xunit's class fixture, with connections of RabbitMQ.Client 7 to it.</summary>
public sealed class SharedBroker : BrokerFixture, IAsyncLifetime
{
    /// <summary>Opens a connection that does not recover by itself: a test wants to see the end of it.</summary>
    public Task<IConnection> ConnectAsync() => new ConnectionFactory
    {
        Uri = new Uri(Broker.AmqpUrl),
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
    }.CreateConnectionAsync();
}
