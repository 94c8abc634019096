using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.RabbitMqClient6.Tests;

/// <summary>The broker of this run as xunit's class fixture, with connections of RabbitMQ.Client 6 to it.</summary>
public sealed class SharedBroker : BrokerFixture, IAsyncLifetime
{
    /// <summary>Opens a connection that does not recover by itself.</summary>
    public IConnection Connect() => new ConnectionFactory { Uri = new Uri(Broker.AmqpUrl), AutomaticRecoveryEnabled = false }.CreateConnection();
}
