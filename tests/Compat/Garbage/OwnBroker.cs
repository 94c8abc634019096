using Granary.Testing.Brokers;
using Granary.Testing.Logs;

namespace Granary.Compat.Tests.Garbage;

/// <summary>A broker for one test class alone, so that its memory can be judged.</summary>
public sealed class OwnBroker : IAsyncLifetime
{
    private BrokerProcess? _broker;

    /// <summary>The broker.</summary>
    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("The fixture has not been initialized.");

    public async Task InitializeAsync()
    {
        _broker = await BrokerProcess.StartAsync();

        // What garbage comes to: a connection that is closed for it, or a login with a name that nobody has.
        _broker.Watched.Allow(1205, 1105);
    }

    public Task DisposeAsync() => ClassEnd.TellAsync(() => Broker.DisposeAsync());
}
