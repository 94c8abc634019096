using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Garbage;

/// <summary>A broker for one test class alone, so that its memory can be judged.</summary>
public sealed class OwnBroker : IAsyncLifetime
{
    private BrokerProcess? _broker;

    /// <summary>The broker.</summary>
    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("The fixture has not been initialized.");

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync();

    public async Task DisposeAsync() => await Broker.DisposeAsync();
}
